"""What documents say of whom: a table of relations, and kinds of subjects.

A `Relation` belongs to a kind of subject: sentences that state it, questions that ask
for it. `texts/relations.txt` adds more of both, more relations and more kinds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from training.data import texts
from training.data import words as w
from training.data.values import Maker, address, maker, price

if TYPE_CHECKING:
    from collections.abc import Callable

    from training.data.phrases import Source


@dataclass(frozen=True, slots=True)
class Relation:
    """One property: `{s}` is the subject, `{v}` the value.

    `noun` names it in generic questions ("the mayor of {s}"); `answer` is the sentence
    nano answers with.
    """

    noun: str
    make: Maker
    sentences: tuple[str, ...]
    questions: tuple[str, ...]
    answer: str
    plain: tuple[int, int] = (0, 0)
    """How many of the first sentences and questions are the plain ones."""


def _m(make: Callable[..., object]) -> Maker:
    return lambda s: str(make(s.rng, s.held))


def _p(pool: w.Pool) -> Maker:
    return lambda s: s.word(pool)


def _n(low: int, high: int, unit: str = "") -> Maker:
    return lambda s: w.grouped(s.rng.randrange(low, high), s.rng) + unit


_YEAR: Maker = lambda s: str(s.rng.randrange(1100, 2026))  # noqa: E731
_ID = _m(lambda r, h: w.identifier(r))

R = Relation
PERSON = (
    R("job", _p(w.JOBS), ("{s} works as a {v}.", "{s} is a {v}.", "{s} has been a {v} for years.", "By profession {s} is a {v}.", "{s} earns a living as a {v}."),
      ("What does {s} do for a living?", "What is {s}'s job?", "What is the job of {s}?", "What's {s}'s profession?", "What work does {s} do?", "Which job does {s} have?"), "{s} is a {v}."),
    R("home", _m(w.place), ("{s} lives in {v}.", "{s} has a house in {v}.", "{s} moved to {v} [last year|years ago|].", "The home of {s} is in {v}.", "{v} is where {s} lives."),
      ("Where does {s} live?", "In which city does {s} live?", "Which city does {s} live in?", "What city is {s}'s home in?", "Where is {s}'s home?"), "{s} lives in {v}."),
    R("birthplace", _m(w.place), ("{s} was born in {v}.", "{s} comes from {v}.", "{s} is originally from {v}.", "The birthplace of {s} is {v}."),
      ("Where was {s} born?", "Where is {s} [originally|] from?", "What is {s}'s birthplace?", "Where does {s} come from?"), "{s} was born in {v}."),
    R("birthday", _m(w.date), ("{s}'s birthday is {v}.", "{s} was born on {v}.", "The birth date of {s} is {v}."),
      ("When is {s}'s birthday?", "When was {s} born?", "What is {s}'s birth date?", "What is the birthday of {s}?"), "{s}'s birthday is {v}."),
    R("age", _n(16, 99), ("{s} is {v} years old.", "{s} turned {v} [this year|in spring|].", "At {v}, {s} is still active.", "The age of {s} is {v}."),
      ("How old is {s}?", "What is {s}'s age?", "What age is {s}?", "What is the age of {s}?"), "{s} is {v} years old."),
    R("e-mail", _m(w.email), ("{s} can be reached at {v}.", "{s}'s e-mail is {v}.", "Write to {s} at {v}.", "The e-mail address of {s} is {v}.", "Mail for {s} goes to {v}."),
      ("What is {s}'s [e-mail|email] [address|]?", "What is the email of {s}?", "How can I mail {s}?", "Which address do I write to for {s}?", "Where do I send mail to {s}?"), "{s}'s e-mail is {v}."),
    R("phone number", _m(w.phone), ("{s}'s phone number is {v}.", "Call {s} at {v}.", "{s} answers the phone at {v}.", "The number of {s} is {v}."),
      ("What is {s}'s [phone|] number?", "How do I call {s}?", "Which number reaches {s}?", "What's the phone number of {s}?"), "{s}'s phone number is {v}."),
    R("favourite colour", _p(w.COLOURS), ("{s}'s favourite colour is {v}.", "{s} likes {v} best of all colours.", "The colour {s} loves is {v}.", "{s} paints everything {v}."),
      ("What is {s}'s favourite colo[u|]r?", "Which colo[u|]r does {s} like [best|most|]?", "What colour does {s} prefer?", "What's the favourite colour of {s}?"), "{s}'s favourite colour is {v}."),
    R("pet", _p(w.ANIMALS), ("{s} has a {v} as a pet.", "{s} keeps a {v} at home.", "The pet of {s} is a {v}.", "{s} owns a {v}."),
      ("What pet does {s} have?", "Which animal does {s} [own|keep]?", "What kind of pet does {s} keep?", "What is {s}'s pet?"), "{s} has a {v}."),
    R("hobby", _p(w.HOBBIES), ("{s}'s hobby is {v}.", "{s} enjoys {v}.", "{s} spends weekends on {v}.", "In the evening {s} does {v}.", "{s} is fond of {v}."),
      ("What is {s}'s hobby?", "What does {s} do for fun?", "What hobby does {s} have?", "How does {s} spend free time?"), "{s}'s hobby is {v}."),
    R("employer", _m(w.company), ("{s} works for {v}.", "{s} is employed at {v}.", "{s} joined {v} [in spring|last year|].", "The employer of {s} is {v}."),
      ("Who does {s} work for?", "Which company does {s} work for?", "What is {s}'s employer?", "Who employs {s}?"), "{s} works for {v}."),
    R("salary", price, ("{s} is paid {v} a day.", "{s} earns {v} a day.", "The daily pay of {s} is {v}."),
      ("How much does {s} earn?", "What is {s}'s pay?", "How much is {s} paid?", "What does {s} make a day?"), "{s} earns {v} a day."),
    R("office", _n(1, 900), ("{s} sits in room {v}.", "{s}'s office is room {v}.", "You find {s} in room {v}.", "Room {v} belongs to {s}."),
      ("Which room is {s} in?", "What is {s}'s [room|office]?", "Where is the office of {s}?", "In which room do I find {s}?"), "{s} is in room {v}."),
    R("department", _p(w.DEPARTMENTS), ("{s} is in the {v} department.", "{s} belongs to {v}.", "{s} heads {v}.", "The department of {s} is {v}."),
      ("Which department is {s} in?", "What department does {s} belong to?", "What team is {s} on?", "What is {s}'s department?"), "{s} is in the {v} department."),
    R("spouse", _m(w.person), ("{s} is married to {v}.", "{s}'s partner is {v}.", "{s} and {v} are married."),
      ("Who is {s} married to?", "Who is {s}'s partner?", "What is the name of {s}'s partner?", "Whom did {s} marry?"), "{s} is married to {v}."),
    R("manager", _m(w.person), ("{s} reports to {v}.", "{s}'s manager is {v}.", "The boss of {s} is {v}."),
      ("Who is {s}'s [manager|boss]?", "Who does {s} report to?", "Who manages {s}?", "Who is the boss of {s}?"), "{s}'s manager is {v}."),
    R("subject", _p(w.SUBJECTS), ("{s} studied {v}.", "{s} has a degree in {v}.", "At university {s} read {v}."),
      ("What did {s} study?", "Which subject did {s} study?", "What is {s}'s degree in?", "What is {s}'s subject?"), "{s} studied {v}."),
    R("language", _p(w.LANGUAGES), ("{s} speaks {v}.", "{s} is fluent in {v}.", "{s} is learning {v}."),
      ("Which language does {s} speak?", "What language does {s} know?", "What does {s} speak?", "What is {s}'s language?"), "{s} speaks {v}."),
    R("car", lambda s: f"{s.word(w.COLOURS)} {s.word(w.COMPANIES)}", ("{s} drives a {v}.", "{s}'s car is a {v}.", "{s} bought a {v}."),
      ("What car does {s} drive?", "What does {s} drive?", "Which car does {s} have?", "What is {s}'s car?"), "{s} drives a {v}."),
    R("badge", _ID, ("{s}'s badge number is {v}.", "{s} carries badge {v}.", "Badge {v} belongs to {s}."),
      ("What is {s}'s badge [number|]?", "Which badge does {s} have?", "What badge does {s} carry?"), "{s}'s badge is {v}."),
)
PLACE = (
    R("population", _n(300, 9000000), ("{s} has {v} inhabitants.", "{v} people live in {s}.", "The population of {s} is {v}.", "{s} is home to {v} people.", "{s} counts {v} residents."),
      ("How many people live in {s}?", "What is the population of {s}?", "How many inhabitants does {s} have?", "How many residents are there in {s}?", "What's {s}'s population?"), "{s} has {v} inhabitants."),
    R("founding year", _YEAR, ("{s} was founded in {v}.", "{s} dates back to {v}.", "The founding year of {s} is {v}.", "In {v}, settlers founded {s}.", "{s} began in {v}."),
      ("When was {s} founded?", "In which year was {s} founded?", "What year was {s} established?", "How old is {s}, since when?", "When did {s} begin?"), "{s} was founded in {v}."),
    R("mayor", _m(w.person), ("The mayor of {s} is {v}.", "{v} is the mayor of {s}.", "{s} is governed by mayor {v}.", "{s} elected {v} as its mayor.", "{v} leads {s} as mayor."),
      ("Who is the mayor of {s}?", "Who governs {s}?", "What is the name of {s}'s mayor?", "Who leads {s}?", "Who was elected mayor of {s}?"), "The mayor of {s} is {v}."),
    R("river", _p(w.RIVERS), ("{s} lies on the river {v}.", "The river {v} flows through {s}.", "{s} stands on the banks of the {v}.", "{s} was built along the {v}."),
      ("Which river flows through {s}?", "What river is {s} on?", "On which river does {s} lie?", "What is the river of {s}?", "Which river runs through {s}?"), "{s} lies on the river {v}."),
    R("country", _p(w.COUNTRIES), ("{s} is in {v}.", "{s} is a town in {v}.", "{s} belongs to {v}.", "{s} lies in the north of {v}."),
      ("Which country is {s} in?", "What country does {s} belong to?", "In what country is {s}?"), "{s} is in {v}."),
    R("area", _n(3, 900, " square km"), ("{s} covers {v}.", "The area of {s} is {v}.", "{s} spreads over {v}."),
      ("What is the area of {s}?", "How large is the area of {s}?", "What area does {s} cover?", "How much land does {s} cover?"), "The area of {s} is {v}."),
    R("elevation", _n(1, 3000, " metres"), ("{s} lies {v} above the sea.", "The elevation of {s} is {v}.", "{s} sits at {v}."),
      ("How high is {s}?", "What is the elevation of {s}?", "How far above the sea is {s}?", "At what height does {s} lie?"), "The elevation of {s} is {v}."),
    R("speciality", _p(w.FOODS), ("{s} is known for its {v}.", "{s} is famous for {v}.", "The speciality of {s} is {v}.", "Visitors come to {s} for the {v}."),
      ("Which food is {s} famous for?", "What is the speciality of {s}?", "What food is {s} known for?"), "{s} is known for {v}."),
    R("language", _p(w.LANGUAGES), ("People in {s} speak {v}.", "The language of {s} is {v}.", "In {s} most people speak {v}."),
      ("What language do people speak in {s}?", "Which language is spoken in {s}?", "What is the language of {s}?"), "People in {s} speak {v}."),
    R("market day", _p(w.DAYS), ("The market in {s} is on {v}.", "{s} holds its market every {v}.", "On {v} there is a market in {s}."),
      ("When is the market in {s}?", "On which day is the market in {s}?", "What day is market day in {s}?"), "The market in {s} is on {v}."),
    R("station", _m(lambda r, h: f"{w.invented_name(r)} Station"), ("Trains to {s} stop at {v}.", "The station of {s} is {v}.", "In {s} you get off at {v}."),
      ("What is the station of {s} called?", "At which station do I get off in {s}?", "Where do trains to {s} stop?"), "The station of {s} is {v}."),
    R("sister town", _m(w.place), ("{s} is twinned with {v}.", "The sister city of {s} is {v}.", "{s} has a twin town, {v}."),
      ("What is the [twin|sister] [town|city] of {s}?", "Which town is {s} twinned with?", "What is {s} twinned with?"), "{s} is twinned with {v}."),
    R("month of the festival", _p(w.MONTHS), ("The festival of {s} is in {v}.", "{s} celebrates its festival in {v}.", "Every {v}, {s} holds a festival."),
      ("When is the festival of {s}?", "In which month is the festival in {s}?", "What month does {s} celebrate in?"), "The festival of {s} is in {v}."),
    R("sight", lambda s: f"the {s.word(w.ADJECTIVES)} {s.word(w.VENUES)}", ("The main sight of {s} is {v}.", "Tourists in {s} visit {v}.", "{s} is proud of {v}."),
      ("What is the main sight of {s}?", "What do tourists visit in {s}?", "What should I see in {s}?"), "The main sight of {s} is {v}."),
    R("airport code", lambda s: s.one_of(("A", "B", "L", "M", "K", "T")) + "".join(s.rng.choices("ABCDEFGHIKLMNOPRSTU", k=2)), ("The airport code of {s} is {v}.", "{s} is served by airport {v}.", "Flights to {s} land at {v}."),
      ("What is the airport [code|] of {s}?", "Which airport serves {s}?", "Where do flights to {s} land?"), "The airport of {s} is {v}."),
)
COMPANY = (
    R("head", _m(w.person), ("{v} is the CEO of {s}.", "{s} is led by {v}.", "The head of {s} is {v}.", "{v} runs {s}.", "{s} appointed {v} as CEO."),
      ("Who is the CEO of {s}?", "Who leads {s}?", "Who runs {s}?", "What is the name of {s}'s CEO?", "Who is in charge of {s}?", "Who is the head of {s}?"), "The CEO of {s} is {v}."),
    R("founding year", _YEAR, ("{s} was founded in {v}.", "{s} started in {v}.", "{s} has existed since {v}.", "The founding year of {s} is {v}."),
      ("When was {s} founded?", "What year did {s} start?", "Since when does {s} exist?", "In which year was {s} founded?"), "{s} was founded in {v}."),
    R("founder", _m(w.person), ("{s} was founded by {v}.", "The founder of {s} is {v}.", "{v} started {s} [in a garage|with a friend|]."),
      ("Who founded {s}?", "Who is the founder of {s}?", "Who started {s}?"), "{s} was founded by {v}."),
    R("headquarters", _m(w.place), ("{s} has its headquarters in {v}.", "{s} is based in {v}.", "The head office of {s} is in {v}.", "{s} operates from {v}."),
      ("Where is {s} based?", "Where are the headquarters of {s}?", "Where is the head office of {s}?", "Which city is {s} based in?"), "{s} is based in {v}."),
    R("product", _p(w.PRODUCTS), ("{s} makes the {v}.", "The best known product of {s} is the {v}.", "{s} sells a {v}.", "{s} produces the {v}."),
      ("What does {s} [make|produce|sell]?", "What is the product of {s}?", "What product does {s} sell?", "Which product does {s} make?"), "{s} makes the {v}."),
    R("number of employees", _n(2, 90000), ("{s} employs {v} people.", "{s} has {v} employees.", "{v} people work at {s}.", "The staff of {s} numbers {v}."),
      ("How many people work at {s}?", "How many employees does {s} have?", "How many people does {s} employ?", "What is the size of {s}'s staff?"), "{s} has {v} employees."),
    R("revenue", _n(1, 900, " million"), ("{s} made {v} last year.", "The revenue of {s} was {v}.", "{s} reported sales of {v}.", "Sales at {s} reached {v}."),
      ("What was the revenue of {s}?", "How much did {s} make [last year|]?", "What were the sales of {s}?", "How much money did {s} make?"), "The revenue of {s} was {v}."),
    R("phone number", _m(w.phone), ("The phone number of {s} is {v}.", "You can call {s} at {v}.", "{s} answers at {v}."),
      ("What is the phone number of {s}?", "How do I call {s}?", "Which number reaches {s}?"), "The phone number of {s} is {v}."),
    R("e-mail", _m(w.email), ("The e-mail of {s} is {v}.", "Contact {s} at {v}.", "{s} can be reached at {v}."),
      ("What is the e-mail of {s}?", "How can I e-mail {s}?", "What is {s}'s email address?"), "The e-mail of {s} is {v}."),
    R("rival", _m(w.company), ("The main rival of {s} is {v}.", "{s} competes with {v}.", "{v} is a competitor of {s}."),
      ("Who is the rival of {s}?", "Who does {s} compete with?", "Which company is a competitor of {s}?"), "The rival of {s} is {v}."),
    R("owner", _m(w.person), ("{s} is owned by {v}.", "{s} belongs to {v}.", "The owner of {s} is {v}."),
      ("Who owns {s}?", "Who does {s} belong to?", "Who is the owner of {s}?"), "{s} is owned by {v}."),
    R("address", address, ("The address of {s} is {v}.", "{s} is at {v}.", "You find {s} at {v}."),
      ("What is the address of {s}?", "Where can I find {s}?", "At which address is {s}?", "Which street is {s} in?"), "The address of {s} is {v}."),
)
PRODUCT = (
    R("price", price, ("The {s} costs {v}.", "The price of the {s} is {v}.", "You pay {v} for the {s}.", "The {s} sells for {v}."),
      ("How much is the {s}?", "What does the {s} cost?", "What is the price of the {s}?", "How much does the {s} cost?", "How much do I pay for the {s}?"), "The {s} costs {v}."),
    R("colour", _p(w.COLOURS), ("The {s} is {v}.", "The {s} comes in {v}.", "The colour of the {s} is {v}.", "The {s} is sold in {v}."),
      ("What colo[u|]r is the {s}?", "Which colour does the {s} come in?", "What is the colour of the {s}?"), "The {s} is {v}."),
    R("weight", lambda s: f"{s.rng.randrange(1, 99)} {s.one_of(('kg', 'grams', 'pounds'))}", ("The {s} weighs {v}.", "The weight of the {s} is {v}.", "At {v}, the {s} is easy to carry."),
      ("How heavy is the {s}?", "What does the {s} weigh?", "What is the weight of the {s}?", "How much does the {s} weigh?"), "The {s} weighs {v}."),
    R("warranty", _n(1, 60, " months"), ("The {s} has a warranty of {v}.", "The {s} is guaranteed for {v}.", "The warranty of the {s} lasts {v}."),
      ("How long is the warranty of the {s}?", "What warranty does the {s} have?", "How long is the {s} guaranteed?", "What is the warranty of the {s}?"), "The {s} has a warranty of {v}."),
    R("material", _p(w.MATERIALS), ("The {s} is made of {v}.", "The {s} is built from {v}.", "The material of the {s} is {v}."),
      ("What is the {s} made of?", "Which material is the {s} made of?", "What is the material of the {s}?"), "The {s} is made of {v}."),
    R("stock", _n(1, 500), ("There are {v} of the {s} in stock.", "The shop has {v} of the {s} left.", "The stock of the {s} is {v}."),
      ("How many of the {s} are in stock?", "How many of the {s} are left?", "What is the stock of the {s}?"), "There are {v} of the {s} in stock."),
    R("code", _ID, ("The code of the {s} is {v}.", "The {s} is listed under {v}.", "Order the {s} with code {v}.", "The {s} has the number {v}."),
      ("What is the code of the {s}?", "Which code does the {s} have?", "What number is the {s} listed under?", "What code do I order the {s} with?"), "The code of the {s} is {v}."),
    R("origin", _p(w.COUNTRIES), ("The {s} is made in {v}.", "The {s} comes from {v}.", "The {s} is imported from {v}."),
      ("Where is the {s} made?", "Where does the {s} come from?", "Which country makes the {s}?", "What is the origin of the {s}?"), "The {s} is made in {v}."),
    R("shelf", _ID, ("The {s} is on shelf {v}.", "You find the {s} on shelf {v}.", "Shelf {v} holds the {s}."),
      ("On which shelf is the {s}?", "Which shelf is the {s} on?", "Where do I find the {s}?"), "The {s} is on shelf {v}."),
)
EVENT = (
    R("date", _m(w.date), ("The {s} is on {v}.", "The {s} takes place on {v}.", "The date of the {s} is {v}.", "The {s} will be held on {v}."),
      ("When is the {s}?", "What is the date of the {s}?", "On which day is the {s}?", "What day is the {s}?", "When does the {s} take place?"), "The {s} is on {v}."),
    R("start time", _m(w.clock), ("The {s} starts at {v}.", "The {s} begins at {v}.", "Doors to the {s} open at {v}."),
      ("What time does the {s} start?", "At what time does the {s} begin?", "What time is the {s}?", "At what hour does the {s} start?"), "The {s} starts at {v}."),
    R("venue", _p(w.VENUES), ("The {s} is held in the {v}.", "The {s} takes place at the {v}.", "The venue of the {s} is the {v}.", "Come to the {v} for the {s}."),
      ("Where is the {s}?", "Where is the {s} held?", "What is the venue of the {s}?", "Where does the {s} take place?"), "The {s} is held in the {v}."),
    R("organiser", _m(w.person), ("The {s} is organised by {v}.", "{v} organises the {s}.", "The organiser of the {s} is {v}.", "{v} is in charge of the {s}."),
      ("Who organises the {s}?", "Who is the organiser of the {s}?", "Who is in charge of the {s}?", "Who runs the {s}?"), "The {s} is organised by {v}."),
    R("ticket price", price, ("Tickets for the {s} cost {v}.", "A ticket to the {s} is {v}.", "Entry to the {s} costs {v}."),
      ("How much are tickets for the {s}?", "What does a ticket to the {s} cost?", "How much is entry to the {s}?", "What is the ticket price of the {s}?"), "Tickets for the {s} cost {v}."),
    R("number of guests", _n(5, 3000), ("{v} guests are expected at the {s}.", "The {s} expects {v} guests.", "The {s} has room for {v} people."),
      ("How many guests are expected at the {s}?", "How many people come to the {s}?", "How many guests does the {s} have?"), "{v} guests are expected at the {s}."),
    R("speaker", _m(w.person), ("{v} speaks at the {s}.", "The speaker at the {s} is {v}."),
      ("Who speaks at the {s}?", "Who is the speaker at the {s}?"), "{v} speaks at the {s}."),
)
PROJECT = (
    R("leader", _m(w.person), ("{v} leads project {s}.", "Project {s} is led by {v}.", "The leader of project {s} is {v}.", "{v} is responsible for project {s}."),
      ("Who leads project {s}?", "Who is the leader of project {s}?", "Who is responsible for project {s}?", "Who runs project {s}?"), "Project {s} is led by {v}."),
    R("deadline", _m(w.date), ("Project {s} is due on {v}.", "The deadline of project {s} is {v}.", "Project {s} must be finished by {v}."),
      ("When is project {s} due?", "What is the deadline of project {s}?", "By when must project {s} be finished?"), "The deadline of project {s} is {v}."),
    R("budget", price, ("The budget of project {s} is {v}.", "Project {s} may spend {v}.", "Project {s} got {v}."),
      ("What is the budget of project {s}?", "How much may project {s} spend?", "How much money does project {s} have?"), "The budget of project {s} is {v}."),
    R("status", _p(w.STATUSES), ("Project {s} is {v}.", "The status of project {s} is {v}.", "Project {s} is now {v}."),
      ("What is the status of project {s}?", "What state is project {s} in?"), "The status of project {s} is {v}."),
    R("code", _ID, ("The code of project {s} is {v}.", "Project {s} has the code {v}.", "Project {s} is filed under {v}."),
      ("What is the code of project {s}?", "Which code does project {s} have?", "Under which code is project {s} filed?"), "The code of project {s} is {v}."),
    R("client", _m(w.company), ("Project {s} is for {v}.", "The client of project {s} is {v}.", "{v} ordered project {s}."),
      ("Who is the client of project {s}?", "Who ordered project {s}?", "Which company is project {s} for?"), "The client of project {s} is {v}."),
)
NOTE = (
    R("password", lambda s: w.letters(s.rng, 8), ("The password for the {s} is {v}.", "Use {v} as the password of the {s}.", "The {s} opens with the password {v}."),
      ("What is the password for the {s}?", "Which password opens the {s}?", "What's the {s} password?"), "The password for the {s} is {v}."),
    R("opening time", _m(w.clock), ("The {s} opens at {v}.", "From {v} the {s} is open.", "Opening time of the {s} is {v}."),
      ("When does the {s} open?", "What time does the {s} open?", "From when is the {s} open?"), "The {s} opens at {v}."),
    R("closing time", _m(w.clock), ("The {s} closes at {v}.", "The {s} shuts at {v}.", "Closing time of the {s} is {v}."),
      ("When does the {s} close?", "What time does the {s} close?", "At what time does the {s} shut?"), "The {s} closes at {v}."),
    R("keeper", _m(w.person), ("{v} has the key to the {s}.", "Ask {v} for the key to the {s}.", "{v} looks after the {s}."),
      ("Who has the key to the {s}?", "Who looks after the {s}?", "Whom do I ask about the {s}?"), "{v} has the key to the {s}."),
    R("floor", _n(1, 40), ("The {s} is on floor {v}.", "You find the {s} on floor {v}.", "Floor {v} has the {s}."),
      ("On which floor is the {s}?", "Which floor is the {s} on?", "What floor has the {s}?"), "The {s} is on floor {v}."),
    R("age", _n(2, 300, " years"), ("The {s} is {v} old.", "The age of the {s} is {v}.", "The {s} has stood for {v}."),
      ("How old is the {s}?", "What is the age of the {s}?"), "The {s} is {v} old."),
    R("architect", _m(w.person), ("The {s} was designed by {v}.", "{v} built the {s}.", "The architect of the {s} was {v}."),
      ("Who designed the {s}?", "Who built the {s}?", "Who was the architect of the {s}?"), "The {s} was designed by {v}."),
)


CLOSE = (
    {"job", "employer"}, {"job", "department"}, {"employer", "department"},
    {"hobby", "collection"}, {"hobby", "instrument"}, {"birthday", "age"},
    {"car", "bus line"}, {"nickname", "username"}, {"number of children", "sister"},
    {"population", "area"}, {"byname", "former name"}, {"elevation", "height of the church tower"},
    {"sight", "height of the church tower"}, {"population", "number of students"},
    {"main industry", "speciality"}, {"famous native", "patron saint"},
    {"headquarters", "address"}, {"headquarters", "factory"}, {"phone number", "e-mail"},
    {"address", "e-mail"}, {"head", "owner"}, {"founder", "owner"}, {"revenue", "share price"},
    {"origin", "previous owner"}, {"origin", "manufacturer"}, {"launch date", "delivery time"},
    {"warranty", "best-before date"}, {"stock", "pack size"}, {"price", "discount"},
    {"date", "start time"}, {"date", "end time"}, {"start time", "end time"},
    {"organiser", "sponsor"}, {"speaker", "band"}, {"number of guests", "number of helpers"},
    {"status", "progress"}, {"architect", "donor"}, {"age", "renovation year"},
    {"floor", "number of steps"}, {"species", "coat colour"}, {"owner", "sleeping place"},
    {"author", "publisher"}, {"home port", "destination"}, {"home port", "flag state"},
    {"spice", "side dish"}, {"country", "inventor"},
)
"""Pairs of relations one of which half answers questions for the other."""

RIVALS = {
    "spouse", "manager", "dentist", "landlord", "sister", "best friend",
    "emergency contact", "deputy", "sister town", "nearest city", "rival", "auditor",
    "supplier",
}
"""Relations whose value is of its subject's kind: "she" could be either of them."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of subject: how its names are made and what can be said of it."""

    name: Maker
    relations: tuple[Relation, ...]
    weight: int
    again: tuple[str, ...] = ("It",)
    """What a text calls the subject when it speaks of it once more."""


def _person_name(s: Source) -> str:
    return w.person(s.rng, s.held) if s.chance(0.5) else w.first_name(s.rng, s.held)


def _event_name(s: Source) -> str:
    return f"{w.invented_name(s.rng)} {s.word(w.EVENTS)}" if s.chance(0.4) else s.word(w.EVENTS)


def _product_name(s: Source) -> str:
    roll = s.rng.random()
    if roll < 0.3:
        return f"{w.invented_name(s.rng)} {s.word(w.PRODUCTS)}"
    if roll < 0.4:
        return f"{w.invented_name(s.rng)} {s.rng.randrange(1, 999)}"
    return s.word(w.PRODUCTS)


# What the text file adds.


def _parts(lines: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """A relation's block: what its keys say, and the lists below "sentences:" and
    "questions:"."""
    found: dict[str, list[str]] = {"sentences": [], "questions": []}
    listed = ""
    for line in lines:
        key, _, rest = line.partition(": ")
        if line in ("sentences:", "questions:"):
            listed = line[:-1]
        elif listed:
            found[listed].append(line)
        else:
            found[key] = [rest]
    return {key: tuple(values) for key, values in found.items()}


def _named(patterns: str) -> Maker:
    """Names of a kind of subject, given as `pattern / pattern / …`."""
    pool = w.Pool.of("\n".join(patterns.split(" / ")), "\n")

    def name(s: Source) -> str:
        text = pool.pick(s.rng, s.held)
        for slot in _SLOT.findall(text):
            text = text.replace("{" + slot + "}", maker(slot)(s), 1)
        return text

    return name


def _extended(kinds: dict[str, Kind]) -> tuple[Kind, ...]:
    """`kinds` with the sentences, questions, relations and kinds of the text file."""
    known = {name: {r.noun: r for r in kind.relations} for name, kind in kinds.items()}
    makers = {name: kind.name for name, kind in kinds.items()}
    for heading, lines in texts.blocks("relations"):
        name, _, noun = heading.lstrip("# ").partition(": ")
        if heading.startswith("###"):
            makers[name], known[name] = _named(_parts(lines)["name"][0]), {}
            continue
        if name not in known:
            continue
        parts = _parts(lines)
        old = known[name].get(noun)
        if old is None:
            old = Relation(noun, maker(parts["value"][0]), (), (), parts["answer"][0])
            plain = (0, 0)
        else:
            plain = old.plain if any(old.plain) else (len(old.sentences), len(old.questions))
        known[name][noun] = replace(
            old,
            sentences=tuple(dict.fromkeys(old.sentences + parts["sentences"])),
            questions=tuple(dict.fromkeys(old.questions + parts["questions"])),
            plain=plain,
        )
    return tuple(
        Kind(
            makers[name],
            tuple(relations.values()),
            kinds[name].weight if name in kinds else 1,
            kinds[name].again if name in kinds else ("It",),
        )
        for name, relations in known.items()
    )


_SLOT = re.compile(r"\{([^{}]+)\}")
KINDS = _extended({
    "PERSON": Kind(_person_name, PERSON, 6, ("She", "He")),
    "PLACE": Kind(
        lambda s: w.place(s.rng, s.held) if s.chance(0.5) else w.invented_name(s.rng),
        PLACE,
        5,
        ("It", "The town", "The place", "The town"),
    ),
    "COMPANY": Kind(_m(w.company), COMPANY, 4, ("It", "The company", "The firm")),
    "PRODUCT": Kind(_product_name, PRODUCT, 3),
    "EVENT": Kind(_event_name, EVENT, 2),
    "PROJECT": Kind(_m(lambda r, h: w.invented_name(r)), PROJECT, 2),
    "NOTE": Kind(_p(w.VENUES), NOTE, 1),
})
