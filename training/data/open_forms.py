"""Forms of fields that are in no table: open keys, and plain sentences that fill them.

Keys and sentences are made of the same few words of a conversation, in many pairings,
so that only the sentence with all the words of a key can fill it; of a yes or no it is
then read whether that sentence affirms or denies.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from training.data import concepts, values
from training.data import words as w
from training.data.phrases import Source, camel_case, capital, fill, lower
from training.data.reading import FILL, FORM, noted, schema_of, with_document
from training.data.records import Field

if TYPE_CHECKING:
    from collections.abc import Callable

    from training.data.talk import Talk

Slots = dict[str, str]
Pairs = tuple[tuple[str, ...], tuple[str, ...]]


def _closed(text: str) -> w.Pool:
    """A list that invented words can't belong to."""
    return w.Pool.of(text, closed=True)


# One of them: "a garden".
_COUNT = w.Pool.of("""
garden balcony lift terrace garage cellar fireplace shower bathtub kitchen fridge dishwasher microwave oven
toaster kettle heater fan window door gate fence roof chimney ladder lamp mirror desk chair table sofa shelf
cupboard drawer wardrobe bed mattress pillow blanket carpet curtain towel sink tap pump boiler radiator socket
cable charger battery screen keyboard mouse printer scanner camera microphone speaker antenna remote sensor alarm
lock key handle lid filter bag pocket zip hood belt strap buckle button collar label sticker box case cover frame
stand tripod manual guide map brochure menu voucher receipt invoice contract licence permit passport visa ticket
badge certificate diploma form letter photo logo signature stamp deposit discount guarantee trailer saddle helmet
bell pedal brake mudguard basket pump lantern tent stove compass rope paddle anchor sail engine wheel tyre bumper
mirror seat sunroof spoiler towbar playground pool sauna gym library café bar kiosk shop reception lobby elevator
ramp staircase bench fountain statue pond greenhouse shed barn well swing slide sandpit hammock barbecue grill
cat dog hamster parrot horse piano guitar violin bicycle car boat caravan laptop tablet password account website
deadline backup budget plan schedule agenda report summary index glossary chapter appendix quiz test exam teacher
nurse driver cook guard gardener translator interpreter babysitter cleaner
""")
_MASS = _closed("""
breakfast lunch dinner parking insurance heating electricity water gas internet wifi laundry cleaning transport
shipping delivery packaging training support maintenance installation assembly childcare catering bedding furniture
lighting ventilation storage luggage equipment clothing software music dancing coffee tea milk sugar salt fruit
bread cheese soup dessert wine juice chocolate butter rice garlic honey fuel oil paint glue tape paper ink wood sand
gravel concrete insulation plumbing security medicine sunscreen soap shampoo firewood ice cutlery crockery
room_service air_conditioning hot_water free_entry mobile_reception overtime sick_pay holiday_pay
""")
_PLURAL = _closed("""
towels sheets blankets pillows curtains blinds shutters windows chairs tables benches lamps candles batteries tools
spare_parts screws nails cables headphones speakers gloves boots socks shoes jackets helmets uniforms tickets
vouchers discounts snacks drinks meals sandwiches nuts eggs flowers plants trees toys games books magazines
newspapers maps brochures pens pencils notebooks stickers labels stamps envelopes lockers showers toilets bicycles
skis sledges kayaks tents stairs steps handrails cameras sensors guards guides volunteers references photos slides
handouts exercises solutions subtitles captions footnotes wheels brakes pedals straps pockets buttons extra_keys
""")
_ALLOWED = _closed("""
smoking swimming cooking camping fishing cycling parking running dancing climbing diving singing filming skating
eating drinking jumping painting gardening hunting barbecuing sleeping shouting printing copying recording
dogs cats pets children visitors guests bicycles cars lorries scooters photos cameras phones laptops bags umbrellas
drones boats tents campfires parties candles drinks snacks flip-flops calculators dictionaries returns refunds
exchanges late_arrivals online_payments music alcohol food
""")
_PAPERS = w.Pool.of("""
contract invoice licence permit passport visa ticket certificate diploma form letter photo map brochure menu voucher receipt
manual guide report summary budget plan schedule agenda quiz test exam chapter article essay poem story novel leaflet poster
book page file folder record list survey questionnaire proposal offer bid quote estimate order application request petition
complaint claim policy statement declaration protocol memo note message email newsletter advert label signature will deed lease
mortgage bill cheque prescription recipe transcript thesis draft blueprint sketch timetable calendar catalogue script
""")
_PAPER_PARTS = _closed("""
checked printed copied scanned signed stamped approved rejected reviewed translated corrected published archived deleted
renamed updated uploaded downloaded sealed sent returned confirmed postponed extended renewed registered numbered found lost
paid_for described explained discussed written finished edited shortened framed laminated stapled filed submitted accepted
withdrawn cancelled completed collected shared printed_out verified revised rewritten typed drafted delivered proofread
announced presented forwarded certified typed_up handed_in destroyed
""")
_PARTS = _closed("""
repaired cleaned painted checked replaced removed ordered delivered measured sold insured washed polished tested
inspected installed connected moved packed unpacked labelled weighed opened closed sealed wrapped shipped returned
reserved bought rented stored hidden found stolen borrowed paid_for recycled reused renovated restored rebuilt
adjusted tightened glued varnished dusted assembled dismantled decorated photographed filmed described designed
built finished covered disinfected oiled serviced donated auctioned upgraded counted collected registered numbered
lifted lowered unwrapped examined cleared secured protected damaged scratched fixed set_up taken_away put_away
bent broken_up burnt buried brushed cast checked_twice coated compared cut_down delayed dried dug_out dyed emptied fastened
fenced_off filled fitted forgotten given_away greased handed_over heated imported exported kept laid_out left_behind
loaded unloaded locked_up lost made mended mounted nailed_down picked_up placed plugged_in pulled_down raised refunded
rejected replanted rinsed rolled_up sanded scrubbed screwed_down shaken shared shown shut_down soaked split spoilt
straightened strengthened stretched swapped taken_down taken_apart tied_up torn_down treated trimmed turned_around turned_off
unplugged unscrewed used varnished watered welded widened wiped wired
carried_in thrown_away exchanged modified valued approved rejected lent returned_to_the_shop sorted_out switched_on
""")
_ADJECTIVES = _closed("""
clean dirty empty full wet dry warm cold hot open closed safe dangerous new old heavy light cheap expensive quiet loud
bright dark wide narrow long short tall deep shallow soft hard smooth rough round square flat steep straight thick
thin sharp blunt fresh stale ripe sweet sour salty spicy bitter organic frozen vegan portable washable waterproof
fireproof wireless foldable adjustable removable reusable recyclable edible visible audible readable legible valid
complete correct final public private free busy ready urgent important optional mandatory temporary permanent local
national foreign modern ancient original authentic rare common popular famous reliable stable fragile broken loose
tight rusty dusty muddy slippery crowded noisy peaceful sunny shady windy accessible reachable available_online
electric automatic manual digital magnetic transparent shiny striped wooden metallic handmade scented poisonous
tame wild nocturnal fragrant
""")
_TEMPERS = _closed("""
healthy sick tired hungry thirsty awake asleep married single retired employed insured punctual polite patient shy curious
left-handed deaf bilingual friendly honest reliable rich poor famous busy late early alone ready happy sad angry calm nervous
brave careful careless clever creative generous greedy grumpy helpful jealous lazy lonely modest noisy quiet proud rude serious
strict strong weak talented talkative tidy messy vegetarian vegan blind allergic unemployed pregnant divorced widowed engaged
available satisfied worried interested experienced qualified certified vaccinated injured homesick seasick fit tall thin blond
""")
_SKILLS = _closed("""
swim drive cook dance sing ski skate sail fly climb dive paint draw sew knit type juggle whistle read write count
play_chess ride_a_horse speak_in_public use_a_computer repair_bicycles read_maps bake_bread fix_engines drive_a_lorry
play_the_piano play_the_guitar play_tennis play_cards speak_French speak_Spanish read_music ride_a_bicycle cut_hair
grow_vegetables make_pottery build_furniture change_a_tyre tie_knots iron_shirts drive_a_tractor fly_a_drone
""")
_CHANCES = _closed("""
travel stay_longer work_late start_early park_here come_earlier work_weekends work_abroad help_out join_us lift_boxes
pay_in_cash pay_by_card leave_early come_on_Monday come_by_train bring_a_friend work_from_home work_nights stay_overnight
start_tomorrow wait_outside take_a_taxi share_a_room carry_the_bags climb_stairs walk_long_distances
""")
_DID = """
reply replied|vote voted|register registered|apply applied|pay paid|sign signed|graduate graduated|retire retired|
resign resigned|attend attended|complain complained|apologise apologised|agree agreed|answer answered|call called|
volunteer volunteered|emigrate emigrated|arrive arrived|check_in checked in|check_out checked out|win won|
smoke smoked|travel travelled|participate participated|subscribe subscribed|enrol enrolled|cancel cancelled|
respond responded|move moved|faint fainted|train trained|study studied|rehearse rehearsed|compete competed|
donate donated|sleep slept|eat eaten|leave left|stop stopped|object objected|log_in logged in|show_up shown up|
"""
_DONE = [entry.strip().split(" ", 1) for entry in _DID.strip().strip("|").split("|")]
_PAST = {"eaten": "ate", "shown up": "showed up"}
_LOVES = [
    entry.split("/") for entry in
    ["like/likes", "want/wants", "own/owns", "use/uses", "sell/sells", "buy/buys", "collect/collects", "hate/hates", "need/needs", "bring/brings", "carry/carries", "make/makes", "repair/repairs", "accept/accepts", "keep/keeps", "avoid/avoids", "recommend/recommends", "deliver/delivers", "order/orders", "store/stores"]
]
_FOOD = _closed("meat fish cheese bread rice nuts eggs fruit vegetables chocolate pasta soup beans mushrooms onions garlic olives honey sweets pork beef")
_DRINK = _closed("coffee tea milk wine beer juice water cocoa lemonade alcohol cider")
_TASTED = {
    "eat": _FOOD, "drink": _DRINK, "like": w.Pool.of("jazz football chess poetry opera tennis music films novels cats dogs trains mountains gardens museums markets puzzles comics rain snow", closed=True),
    "speak": w.LANGUAGES, "teach": w.SUBJECTS, "study": w.SUBJECTS, "play": _closed("football tennis chess golf cards hockey handball volleyball basketball badminton rugby cricket squash bridge"),
    "wear": _closed("glasses gloves boots hats ties jewellery earrings uniforms helmets scarves jeans lenses"),
}
_TASTES = (("eat", "eats"), ("drink", "drinks"), ("like", "likes"), ("speak", "speaks"), ("teach", "teaches"), ("study", "studies"), ("play", "plays"), ("wear", "wears"))
_GOODS = _closed("""
coffee tea milk sugar salt fruit bread cheese soup wine juice chocolate butter rice garlic honey fuel oil paint glue tape
paper wood sand gravel concrete medicine sunscreen soap shampoo firewood ice furniture jewellery leather wool cotton silk
glass steel copper gold silver timber fertiliser compost seed hay straw flour pasta meat fish beer perfume
""")
_TRADERS = _closed("""
shop company firm bakery kiosk market supermarket pharmacy factory warehouse farm restaurant café hotel school library
museum garage workshop club office supplier dealer store canteen bar butcher hospital bank station museum_shop
""")
_TRADES = [entry.split("/") for entry in ["sell/sells", "offer/offers", "buy/buys", "order/orders", "store/stores", "ship/ships", "produce/produces", "import/imports", "export/exports", "deliver/delivers", "accept/accepts", "collect/collects", "recycle/recycles", "provide/provides", "use/uses", "need/needs", "rent/rents", "recommend/recommends"]]
_KINDS = w.Pool.of("""
front back side left right upper lower old new spare second first third main small large inner outer garden kitchen office
guest staff school red blue green white black wooden metal plastic paper electric annual monthly weekly final draft
private public summer winter morning evening double single emergency rental travel company family safety hand
""")
_THINGS = w.Pool.of("""
house flat hotel cabin cottage villa room office studio shop school museum theatre restaurant hostel campsite farm
car van bus boat ferry train plane bicycle motorbike tent sofa wardrobe desk phone laptop camera watch tablet printer
machine robot drone toolbox backpack suitcase jacket dress coat book course workshop tour trip concert festival
conference meeting class package parcel kit set offer ticket subscription membership policy loan building station
""")

HAVE: Pairs = (
    (
        "There {is} {a}.", "{S} has {a}.", "It comes with {a}.", "{S} comes with {a}.", "You will find {a} there.", "We have {a}.", "{N}: yes.", "{N}? Yes.",
        "Yes, there {is} {a}.", "{S} is fitted with {a}.", "With {a}.", "Of course there {is} {a}.", "There {is} also {a}.", "{S} does have {a}.", "{S} now has {a}.", "{S} was built with {a}.",
        "There {is} {a} as well.", "They have added {a}.", "We saw {a} there.", "{S} has always had {a}.", "{S} also has {a}.", "{N} - yes.", "Does it have {a}? Yes, it does.", "It still has {a}.", "You get {a} with it.",
    ),
    (
        "There {is} no {n}.", "{S} has no {n}.", "It comes without {any}.", "{S} comes without {any}.", "You won't find {any} there.", "We don't have {any}.", "{N}: no.", "{N}? No.",
        "No, there {isnt} {any}.", "{S} isn't fitted with {any}.", "Without {a}.", "There {isnt} {any}.", "{S} lacks {a}.", "{S} doesn't have {any}.", "{S} no longer has {a}.", "{S} was built without {a}.",
        "There {is} no {n} at all.", "They have removed the {n}.", "We saw no {n} there.", "{S} has never had {any}.", "There {was} never {any}.", "{N}: none.", "Does it have {any}? No, it doesn't.", "No {n}.", "The {n} {is} missing.", "Nobody found {any} there.", "{S} does not have {any}.",
    ),
)
INCLUDED: Pairs = (
    (
        "{N} {is} included.", "The {n} {is} included.", "{S} includes {a}.", "The price includes {a}.", "{N} {is} part of the offer.", "You get {a} for the same price.", "{N} {is} provided.", "{N} included: yes.",
        "{N} included? Yes.", "{N} {is} already included in the price.", "We provide {a}.", "They include {a}.", "It comes with {a}.", "The offer includes {a}.", "{S} is delivered with {a}.", "Yes, the {n} {is} included.",
    ),
    (
        "{N} {isnt} included.", "The {n} {is} not included.", "{S} doesn't include {any}.", "The price doesn't include {any}.", "{N} {isnt} part of the offer.", "You don't get {any} for this price.", "{N} {is} not provided.", "{N} included: no.",
        "{N} included? No.", "{N} {is} no longer included in the price.", "We don't provide {any}.", "They never include {any}.", "It comes without {any}.", "The offer excludes {a}.", "{S} is delivered without {any}.", "No, the {n} {isnt} included.",
    ),
)
AVAILABLE: Pairs = (
    (
        "{N} {is} available.", "The {n} {is} available.", "There {is} {a} available.", "{N} {is} offered.", "You can have {a} if you like.", "They offer {a}.", "{N} available: yes.", "{N} available? Yes.", "{N} {is} available again.",
        "{N} {is} in stock.", "{S} offers {a}.", "{N} can be had on request.", "Everyone can get {a} here.", "Guests can use the {n}.", "Right now the {n} {is} available.",
    ),
    (
        "{N} {isnt} available.", "The {n} {is} not available.", "There {is} no {n} available.", "{N} {isnt} offered.", "You can't have {any}.", "They don't offer {any}.", "{N} available: no.", "{N} available? No.", "{N} {is} no longer available.",
        "{N} {is} out of stock.", "{S} doesn't offer {any}.", "{N} can't be had at the moment.", "Nobody can get {any} here.", "Guests can't use the {n}.", "Right now the {n} {is} unavailable.", "{N} {has} never been available.",
    ),
)
ALLOW: Pairs = (
    (
        "{N} {is} allowed.", "{N} {is} permitted.", "{N} {is} welcome here.", "{N} {is} fine with us.", "They allow {n}.", "We allow {n} here.", "{N} allowed: yes.", "{N}: allowed.", "{N} allowed? Yes.", "The rules allow {n}.", "{S} allows {n}.", "The landlord permits {n}.",
        "{N} {is} allowed again.", "{N} {is} always allowed.", "Yes, {n} {is} allowed.", "{N}: permitted.", "{N} {has} always been allowed.",
    ),
    (
        "{N} {isnt} allowed.", "{N} {is} forbidden.", "No {n}.", "{N} {is} not welcome here.", "They don't allow {n}.", "We don't allow {n} here.", "{N} allowed: no.", "{N}: not allowed.", "{N} allowed? No.", "The rules forbid {n}.", "{S} doesn't allow {n}.", "The landlord prohibits {n}.",
        "{N} {is} no longer allowed.", "{N} {is} never allowed.", "No {n} please.", "{N}: forbidden.", "{N} {has} never been allowed.", "{N} {is} prohibited.", "{N} {is} not permitted.", "{N} {is} banned.",
    ),
)
NEED: Pairs = (
    (
        "{S} needs {a}.", "You need {a}.", "{N} {is} needed.", "{N} {is} required.", "{N} needed.", "{N} required: yes.", "{N} needed? Yes.", "It can't be done without {a}.", "We still need {a}.", "{S} requires {a}.", "Please bring {a}, because {it} {is} needed.",
        "{N} {is} necessary.", "{S} can't do without {a}.", "It only works with {a}.", "{N} {is} mandatory.", "You have to have {a}.", "{S} really needs {a}.",
    ),
    (
        "{S} doesn't need {any}.", "You don't need {any}.", "No {n} {is} needed.", "{N} {is} not required.", "No {n} needed.", "{N} required: no.", "{N} needed? No.", "It can be done without {any}.", "We no longer need {any}.", "{S} doesn't require {any}.", "You can leave the {n} at home, {it} {isnt} needed.",
        "{N} {isnt} necessary.", "{S} can do without {any}.", "It also works without {any}.", "{N} {is} not mandatory.", "You don't have to have {any}.", "{S} has never needed {any}.", "No {n} required.",
    ),
)
PART: Pairs = (
    (
        "{O} {has} been {v}.", "{O} {was} {v}.", "{O} {has} already been {v}.", "{O} {has} now been {v}.", "{O} {was} {v} last week.", "They have {v} {o}.", "We have already {v} {o}.", "Somebody has {v} {o}.", "{Has} {o} been {v}? Yes.", "{O}: {v}.", "{O} {has} finally been {v}.",
        "{O} {was} {v} this morning.", "{O} {has} just been {v}.", "Yes, {o} {has} been {v}.", "{O} {was} {v} yesterday.", "{O} {has} been {v} again.", "{O} did get {v}.", "You can see that {o} {has} been {v}.",
    ),
    (
        "{O} {hasnt} been {v}.", "{O} {wasnt} {v}.", "{O} {hasnt} been {v} yet.", "{O} {has} still not been {v}.", "{O} {wasnt} {v} last week.", "They haven't {v} {o}.", "We have not {v} {o} yet.", "Nobody has {v} {o}.", "{Has} {o} been {v}? No.", "{O}: not {v}.", "{O} {has} never been {v}.",
        "{O} {was} not {v} this morning.", "{O} {is} yet to be {v}.", "No, {o} {hasnt} been {v}.", "{O} still {has} to be {v}.", "{O} must still be {v}.", "{O} never got {v}.", "You can see that {o} {hasnt} been {v}.",
        "No one has ever {v} {o}.", "We forgot that {o} should be {v}, so {it} {wasnt}.",
    ),
)
ADJ: Pairs = (
    (
        "{O} {is} {j}.", "{O} {is} quite {j}.", "{O} {is} {j} now.", "{O} {is} really {j}.", "{O} {is} still {j}.", "{Is} {o} {j}? Yes.", "{O}: {j}.", "{O} {is} always {j}.", "{O} {is} indeed {j}.", "{O} {has} always been {j}.", "{O} {was} {j} when we looked.", "Yes, {o} {is} {j}.", "{O} {is} certainly {j}.", "I find that {o} {is} {j}.", "{O} {is} {j} again.",
    ),
    (
        "{O} {isnt} {j}.", "{O} {is} not {j}.", "{O} {is} not {j} yet.", "{O} {isnt} really {j}.", "{O} {is} no longer {j}.", "{Is} {o} {j}? No.", "{O}: not {j}.", "{O} {is} never {j}.", "{O} {has} never been {j}.", "{O} {wasnt} {j} when we looked.", "No, {o} {isnt} {j}.", "{O} {is} not {j} at all.", "I don't find {o} {j}.", "{O} {isnt} {j} any more.",
    ),
)
ABLE: Pairs = (
    ("{S} can {v}.", "{S} is able to {v}.", "{S} knows how to {v}.", "Can {s} {v}? Yes.", "{S} has learnt to {v}.", "{S} can also {v}.", "Yes, {s} can {v}.", "{S} can already {v}.", "It is true that {s} can {v}."),
    ("{S} can't {v}.", "{S} isn't able to {v}.", "{S} cannot {v}.", "{S} doesn't know how to {v}.", "Can {s} {v}? No.", "{S} has never learnt to {v}.", "{S} can no longer {v}.", "No, {s} can't {v}.", "{S} can't {v} yet.", "It is not true that {s} can {v}.", "{S} is unable to {v}."),
)
_MAY: Pairs = (
    tuple(t for t in ABLE[0] if "lear" not in t and "knows" not in t),
    tuple(t for t in ABLE[1] if "lear" not in t and "know" not in t),
)
DID: Pairs = (
    ("{S} {past}.", "{S} has {done}.", "{S} has already {done}.", "{S} {past} yesterday.", "{S} did {v}.", "Did {s} {v}? Yes.", "{S} has just {done}.", "{S} finally {past}.", "Yes, {s} {past}.", "We know that {s} {past}."),
    ("{S} didn't {v}.", "{S} hasn't {done}.", "{S} hasn't {done} yet.", "{S} did not {v} yesterday.", "{S} never {past}.", "Did {s} {v}? No.", "{S} has never {done}.", "{S} refused to {v}.", "No, {s} didn't {v}.", "{S} has not {done} so far.", "{S} forgot to {v}.", "{S} still hasn't {done}."),
)
LOVES: Pairs = (
    ("{S} {vs} {n}.", "{S} does {v} {n}.", "{S} always {vs} {n}.", "{S} often {vs} {n}.", "{S} also {vs} {n}.", "Does {s} {v} {n}? Yes.", "Yes, {s} {vs} {n}.", "{S} still {vs} {n}.", "I know that {s} {vs} {n}.", "{S} {vs} {n} too."),
    ("{S} doesn't {v} {n}.", "{S} does not {v} {n}.", "{S} never {vs} {n}.", "{S} doesn't {v} any {n}.", "{S} no longer {vs} {n}.", "Does {s} {v} {n}? No.", "No, {s} doesn't {v} {n}.", "{S} doesn't {v} {n} any more.", "I know that {s} doesn't {v} {n}.", "{S} {vs} no {n}."),
)
JOB: Pairs = (
    ("{S} is a {n}.", "{S} works as a {n}.", "{S} has become a {n}.", "{S} is still a {n}.", "Is {s} a {n}? Yes.", "{S} has been a {n} for years.", "Yes, {s} is a {n}."),
    ("{S} is not a {n}.", "{S} doesn't work as a {n}.", "{S} isn't a {n}.", "{S} is no longer a {n}.", "Is {s} a {n}? No.", "{S} has never been a {n}.", "No, {s} isn't a {n}."),
)

_FORMS = {
    "count": {"is": "is", "isnt": "isn't", "has": "has", "hasnt": "hasn't", "was": "was", "wasnt": "wasn't", "it": "it"},
    "plural": {"is": "are", "isnt": "aren't", "has": "have", "hasnt": "haven't", "was": "were", "wasnt": "weren't", "it": "they"},
}
for _form_of in _FORMS.values():
    _form_of.update({"Is": capital(_form_of["is"]), "Has": capital(_form_of["has"])})
_FORMS["mass"] = _FORMS["count"]

# An attribute: its name, the kind of its values, more sentences for it.
_ATTRIBUTES: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("colour", "word COLOURS", ("{O} is {v}.", "{O} was painted {v}.", "We chose {v} as the colour of {o}.")),
    ("material", "word MATERIALS", ("{O} is made of {v}.", "{O} consists of {v}, that is the material.")),
    ("owner", "person", ("{O} belongs to {v}.", "{v} owns {o}.")), ("name", "invented", ("{O} is called {v}.",)), ("brand", "company", ("{O} is made by {v}.",)),
    ("code", "identifier", ("{O} has the code {v}.",)), ("number", "identifier", ("{O} has number {v}.",)), ("reference", "identifier", ()), ("serial number", "identifier", ()), ("model", "identifier", ()),
    ("location", "place", ("{O} is located in {v}.", "You find {o} in {v}.")), ("origin", "word COUNTRIES", ("{O} comes from {v}.",)), ("supplier", "company", ("{v} supplies {o}.",)), ("manufacturer", "company", ("{v} manufactures {o}.",)),
    ("address", "address", ()), ("status", "word STATUSES", ()), ("shape", "word ADJECTIVES", ()), ("condition", "word ADJECTIVES", ()), ("size", "choice S / M / L / XL / small / medium / large", ()), ("language", "word LANGUAGES", ()),
    ("designer", "person", ("{v} designed {o}.",)), ("keeper", "person", ()), ("inspector", "person", ("{v} inspects {o}.",)), ("deadline", "date", ()), ("delivery date", "date", ("{O} will be delivered on {v}.",)), ("closing time", "clock", ("{O} closes at {v}.",)), ("opening time", "clock", ("{O} opens at {v}.",)),
    ("width", "integer 5 400 cm", ("{O} is {v} cm wide.", "Across, {o} measures a width of {v} cm.")), ("length", "integer 5 900 cm", ("{O} is {v} cm long.", "{O} has a length of {v} cm.")), ("height", "integer 5 900 cm", ("{O} is {v} cm high.", "{O} has a height of {v} cm.")), ("depth", "integer 2 300 cm", ("{O} is {v} cm deep.",)),
    ("weight", "number 0.2 90 1 kg", ("{O} weighs {v} kg.", "{O} has a weight of {v} kg.")), ("price", "number 1 900 2 euros", ("{O} costs {v} euros.", "You pay {v} euros for {o}.", "{O} is on sale at a price of {v} euros.")), ("age", "integer 1 90 years", ("{O} is {v} years old.",)), ("temperature", "integer 2 90 degrees", ("{O} is at {v} degrees.",)),
    ("capacity", "integer 2 900 litres", ("{O} holds {v} litres.",)), ("speed", "integer 5 300 km/h", ("{O} reaches {v} km/h.",)), ("rent", "integer 50 3000 euros", ("{O} is rented for {v} euros.",)), ("rating", "number 1 10 1 points", ("{O} got {v} points.",)), ("power", "integer 10 3000 watts", ("{O} uses {v} watts.",)), ("fee", "number 1 90 2 dollars", ()), ("thickness", "number 0.2 9 1 mm", ("{O} is {v} mm thick.",)), ("value", "integer 10 9000 dollars", ("{O} is worth {v} dollars.",)),
)
_STATED = (
    "The {t} of {o} is {v}.", "The {t} of {o} is {v}.", "{G} {t} is {v}.", "{K} {t}: {v}.", "{K} {t}: {v}.", "{O}: {t} {v}.", "For {o} the {t} is {v}.", "As the {t} of {o} they gave {v}.", "{v} is the {t} of {o}.", "I noted {v} as the {t} of {o}.", "What is the {t} of {o}? It is {v}.", "The {t} of {o}: {v}.", "We were told that the {t} of {o} is {v}.",
)
_ROLES = w.Pool.of("""
contact_person manager owner tenant landlord buyer seller driver teacher coach trainer captain chef cook cleaner
gardener architect designer editor author translator photographer organiser sponsor chairman treasurer secretary
assistant accountant lawyer witness patient doctor nurse dentist mechanic plumber electrician painter carpenter guide
pilot host guest speaker winner runner-up applicant recruiter supervisor inspector examiner tutor student client
customer supplier sender recipient courier guarantor heir neighbour caretaker librarian curator conductor soloist
""")
_WHO: tuple[str, ...] = ("The {r} is {v}.", "{R}: {v}.", "{v} is the {r}.", "Our {r} is called {v}.", "The name of the {r} is {v}.", "As {r} they chose {v}.", "The {r} is {v} this time.", "{v} will be the {r}.", "{v} was named {r}.", "I spoke to the {r}, {v}.", "Who is the {r}? It is {v}.")
_REACH: tuple[str, ...] = ("The {t} of the {r} is {v}.", "{R} {t}: {v}.", "You reach the {r} at {v}.", "The {r} has the {t} {v}.", "{v} is the {t} of the {r}.", "Write down {v}, the {t} of the {r}.")
_BY: tuple[str, ...] = ("{O} {was} {p} by {v}.", "{O}, {p} by {v}.", "{v} has {p} {o}.", "{O} {has} been {p} by {v}.", "It was {v} who {q} {o}.", "Somebody called {v} {q} {o}.")
_ON: tuple[str, ...] = ("{O} {was} {p} on {v}.", "{O}, {p} on {v}.", "On {v} {o} {was} {p}.", "They {q} {o} on {v}.", "{O} {was} {p} again on {v}.", "When was it that they {q} {o}? On {v}.")
_IN: tuple[str, ...] = ("{O} {was} {p} in {v}.", "In {v} {o} {was} {p}.", "They {q} {o} in {v}.", "{O}, {p} in {v}.")
_OWN_BY: tuple[str, ...] = (*_BY, "{P} by {v}.", "{P} by: {v}.", "It was {p} by {v}.")
_OWN_ON: tuple[str, ...] = (*_ON, "{P} on {v}.", "{P} on: {v}.", "It was {p} on {v}.")
_OWN_IN: tuple[str, ...] = (*_IN, "{P} in {v}.", "{P} in: {v}.", "It was {p} in {v}.")
_MANY: tuple[str, ...] = ("There are {v} {n}.", "They have {v} {n}.", "Number of {n}: {v}.", "{N}: {v}.", "We counted {v} {n}.", "{S} has {v} {n}.", "The number of {n} is {v}.", "{v} {n} are there.", "You get {v} {n}.", "How many {n}? {v}.", "In all there are {v} {n}.")
_ACTED: tuple[str, ...] = ("They {q} {v} {n}.", "{v} {n} were {p}.", "{v} {n} have been {p}.", "We {q} {v} {n}.", "In all, {v} {n} were {p}.", "Someone {q} {v} {n}.", "{N} {p}: {v}.")
_LISTS = (
    ("colours", "COLOURS"), ("languages", "LANGUAGES"), ("guests", ""), ("members", ""), ("players", ""), ("students", ""), ("cities", "CITIES"), ("countries", "COUNTRIES"), ("hobbies", "HOBBIES"), ("subjects", "SUBJECTS"), ("materials", "MATERIALS"),
    ("ingredients", "FOODS"), ("toppings", "FOODS"), ("dishes", "FOODS"), ("pets", "ANIMALS"), ("rooms", "ROOMS"), ("tags", "ADJECTIVES"), ("products", "PRODUCTS"), ("items", "OBJECTS"), ("topics", "TOPICS"), ("helpers", ""), ("witnesses", ""), ("stops", "CITIES"), ("animals", "ANIMALS"), ("jobs", "JOBS"), ("authors", ""),
)
_LISTED: tuple[str, ...] = ("The {n} are {v}.", "{N}: {v}.", "As {n} we have {v}.", "We know that {v} are the {n}.", "These are the {n}: {v}.", "They named {v} as {n}.", "Their {n} are {v}.", "We wrote down the {n}: {v}.")
_NEUTRAL: tuple[str, ...] = (
    "Please read this carefully.", "I will write again soon.", "That is all I know.", "We talked about it for an hour.", "Thank you for your patience.", "The rest will follow later.", "I hope this helps.", "More about that tomorrow.", "The {n} was not mentioned.", "I don't know anything about the {n}.", "Nobody could tell me about the {n}.", "Somebody asked about the {n}.", "We will look at the {n} later.", "Ask me again about the {n}.",
)
_OPENINGS: tuple[str, ...] = ("This is about {s}.", "Here is what I know about {s}.", "We spoke about {s} today.", "A few notes on {s}.", "I was asked to describe {s}.", "News about {s}.", "The following is about {s}.")
_PREFIXES: tuple[str, ...] = ("As far as I know, ", "By the way, ", "Note that ", "I heard that ", "We should add that ", "Sadly, ", "Luckily, ", "I think ", "It seems that ", "They told us that ", "Besides, ", "You should know that ", "I am sure that ")
_OPEN_FILL: tuple[str, ...] = (
    "{x}", "Fill in the {k}: {x}", "Make JSON of this: {x}", "{x}\n\nFill in the fields.", "What do we know here? {x}", "Here is the text. {x}", "Next one: {x}", "Note this down as a {k}.\n{x}", "Please fill in the form from this text: {x}", "Read the following and give me the data.\n\n{x}", "{x}\nPut that into the schema.",
    "I got this message: \"{x}\" Please extract the fields.", "Convert to JSON:\n{x}", "Record this: {x}", "Here are my notes, please structure them: {x}", "Use the schema for this text: {x}", "From this text, get every field: {x}", "{x}\n\nJSON please.", "Could you fill in the form? {x}", "I need the {k} data of this:\n\n{x}", "Text to process: {x}", "Take the values out of this: {x}",
    "Someone wrote: {x}", "Answer with the object for this text.\n{x}", "And this: {x}", "Go through it and fill in what is asked.\n\n{x}", "Summarise this in the given format: {x}", "This came in today: {x}", "Complete the {k} with what is said here: {x}",
)
_TITLES = w.Pool.of("Record Form Entry Item Details Report Check Survey Inspection Listing Offer Case Data Note Summary Profile Card Sheet Request Answer Result Object")
_SPLIT = re.compile(r"\w+")
_STARTS = frozenset(["The", "It", "There", "She", "He", "We", "They", "This", "You", "Nobody", "Somebody"])


@dataclass(frozen=True, slots=True)
class Scene:
    """The words of a conversation, and what its text at hand is about."""

    subject: str
    pronoun: str
    is_person: bool
    counts: tuple[str, ...]
    masses: tuple[str, ...]
    plurals: tuple[str, ...]
    allowed: tuple[str, ...]
    parts: tuple[str, ...]
    adjectives: tuple[str, ...]
    roles: tuple[str, ...]
    tempers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Item:
    """A field: its key, the words that make it this one, its values and sentences."""

    key: str
    kind: str
    words: frozenset[str]
    make: Callable[[Source], concepts.Value]
    said: Callable[[Source, Scene, concepts.Value], str]


def _tokens(*texts: str) -> frozenset[str]:
    """The words of texts, in lower case and in the singular."""
    found = _SPLIT.findall(" ".join(texts).lower())
    return frozenset(word.removesuffix("s") if len(word) > 3 else word for word in found)


def _key(*words: str) -> str:
    """Words as a key, in snake case."""
    return "_".join(re.sub(r"[^\w]+", "_", word.lower()).strip("_") for word in words if word)


def _who(s: Source, scene: Scene) -> str:
    """What a sentence calls the subject of its text."""
    if s.chance(0.55):
        return scene.pronoun
    return scene.subject


def _yes_no(s: Source) -> concepts.Value:
    return s.chance(0.5)


def _flag(key: str, words: frozenset[str], pairs: tuple[Pairs, ...], slots: Slots, thing: str = "") -> Item:
    """A yes or no; `thing` is what its sentences are about, if not the subject."""

    def said(s: Source, scene: Scene, value: concepts.Value) -> str:
        subject = thing if thing and pairs[0] is LOVES else _who(s, scene)
        o = thing or subject
        full = {**slots, "s": subject, "S": subject, "o": o, "O": capital(o)}
        affirmed, denied = pairs[s.rng.randrange(len(pairs))]
        template = s.template(affirmed if value else denied)
        if not thing and (template.startswith(("{O}:", "{O},")) or " " in slots.get("v", "")):
            full["o"], full["O"] = scene.subject, capital(scene.subject)
        return fill(template, full)

    return Item(key, "boolean", words, _yes_no, said)


def _noun(s: Source, scene: Scene) -> tuple[str, Slots]:
    """A noun of the scene and the forms of its sentences."""
    form = ("count", "count", "plural", "mass")[s.rng.randrange(3 if scene.is_person else 4)]
    noun = s.one_of({"count": scene.counts, "mass": scene.masses, "plural": scene.plurals}[form])
    article = ("an " if noun[:1] in tuple("aeio") else "a ") if form == "count" else ""
    slots = {**_FORMS[form], "n": noun, "N": capital(noun), "a": article + noun, "any": (article or "any ") + noun}
    return noun, slots


def _having(s: Source, scene: Scene) -> Item:
    """Whether there is something, or it is included or available."""
    noun, slots = _noun(s, scene)
    roll = s.rng.random()
    if scene.is_person:
        key = s.one_of(("has_{}", "has_{}", "owns_{}")).format(_key(noun))
        slots["N"] = capital(slots["a"])
        return _flag(key, _tokens(noun), (OWNING,), slots)
    if roll < 0.5:
        key, pairs = s.one_of(("has_{}", "{}", "with_{}", "has_{}", "{}_present", "{is}_there_{}")), (HAVE,)
    elif roll < 0.75:
        key, pairs = s.one_of(("{}_included", "includes_{}", "{is}_{}_included", "{}_provided", "{}_in_price")), (INCLUDED,)
    else:
        key, pairs = s.one_of(("{}_available", "offers_{}", "{}_offered", "{is}_{}_available")), (AVAILABLE,)
    if pairs[0] is not HAVE and slots["a"].startswith(("a ", "an ")):
        slots["N"] = capital(slots["a"]) if s.chance(0.5) else f"The {noun}"
    return _flag(key.format(_key(noun), **slots), _tokens(noun), pairs, slots)


OWNING: Pairs = (
    ("{S} has {a}.", "{S} does have {a}.", "{S} owns {a}.", "{S} has had {a} for years.", "{S} also has {a}.", "{S} now has {a}.", "{S} still has {a}.", "Does {s} have {a}? Yes.", "{S} has got {a}.", "Yes, {s} has {a}.", "{S} came with {a}.", "{S} has brought {a}.", "{N}: yes."),
    ("{S} has no {n}.", "{S} doesn't have {any}.", "{S} doesn't own {any}.", "{S} has never had {any}.", "{S} does not have {any}.", "{S} no longer has {any}.", "{S} lacks {a}.", "Does {s} have {any}? No.", "{S} hasn't got {any}.", "No, {s} has no {n}.", "{S} came without {any}.", "{S} has not brought {any}.", "{N}: no."),
)


def _needing(s: Source, scene: Scene) -> Item:
    """Whether something is needed."""
    noun, slots = _noun(s, scene)
    slots["N"] = capital(slots["a"])
    key = s.one_of(("needs_{}", "{}_needed", "{}_required", "requires_{}", "{is}_{}_required"))
    return _flag(key.format(_key(noun), **slots), _tokens(noun, "needs"), (NEED,), slots)


def _allowing(s: Source, scene: Scene) -> Item:
    """Whether something is allowed."""
    noun = s.one_of(scene.allowed)
    several = noun.endswith("s")
    slots = {**_FORMS["plural" if several else "mass"], "n": noun, "N": capital(noun)}
    key = s.one_of(("{}_allowed", "allows_{}", "{}_permitted", "is_{}_allowed" if not several else "are_{}_allowed", "{}_allowed"))
    pairs = PERMITS if scene.is_person else ALLOW
    return _flag(key.format(_key(noun)), _tokens(noun, "allowed"), (pairs,), slots)


PERMITS: Pairs = (tuple(t for t in ALLOW[0] if "{S}" not in t), tuple(t for t in ALLOW[1] if "{S}" not in t))


def _thing(s: Source, scene: Scene) -> tuple[str, str, Slots]:
    """Something the sentences are about: its word, how they call it, its forms."""
    if s.chance(0.25):
        noun = s.one_of(scene.plurals)
        return noun, f"the {noun}", _FORMS["plural"]
    noun = s.one_of(scene.counts)
    return noun, f"the {noun}", _FORMS["count"]


def _parted(s: Source, scene: Scene) -> Item:
    """Whether something has been done to it."""
    done = s.one_of(scene.parts)
    if not scene.is_person and s.chance(0.3):
        key = s.one_of(("{}", "is_{}", "has_been_{}", "was_{}", "already_{}")).format(_key(done))
        return _flag(key, _tokens(done), (PART,), {**_FORMS["count"], "v": done})
    noun, called, forms = _thing(s, scene)
    key = s.one_of(("{n}_{v}", "{n}_{v}", "{is}_{n}_{v}", "{v}_{n}", "{n}_{was}_{v}", "{n}_{has}_been_{v}", "{n}_{is}_{v}"))
    return _flag(key.format(**{**forms, "n": _key(noun), "v": _key(done)}), _tokens(noun, done), (PART,), {**forms, "v": done}, called)


def _being(s: Source, scene: Scene) -> Item:
    """Whether something is as an adjective says."""
    is_so = s.one_of(scene.adjectives)
    if s.chance(0.45):
        is_so = s.one_of(scene.tempers) if scene.is_person else is_so
        key = s.one_of(("{}", "is_{}", "is_{}")).format(_key(is_so))
        return _flag(key, _tokens(is_so), (ADJ,), {**_FORMS["count"], "j": is_so})
    noun, called, forms = _thing(s, scene)
    key = s.one_of(("{n}_{j}", "{is}_{n}_{j}", "{n}_{is}_{j}", "{j}_{n}"))
    return _flag(key.format(**{**forms, "n": _key(noun), "j": _key(is_so)}), _tokens(noun, is_so), (ADJ,), {**forms, "j": is_so}, called)


def _acting(s: Source, scene: Scene) -> Item:
    """Whether a person can do, did, is or likes something."""
    roll = s.rng.random()
    if roll < 0.3:
        skilled = s.chance(0.55)
        verb = (_SKILLS if skilled else _CHANCES).pick(s.rng, s.held)
        if not s.held and s.chance(0.15):
            verb = w.blend(s.rng)
        key = s.one_of(("can_{}", "can_{}", "able_to_{}")).format(_key(verb))
        return _flag(key, _tokens(verb), (ABLE if skilled else _MAY,), {"v": verb})
    if roll < 0.55:
        base, done = _DONE[s.rng.randrange(len(_DONE))]
        base = base.replace("_", " ")
        past = _PAST.get(done, done)
        key = s.one_of(("has_{d}", "{p}", "did_{b}")).format(d=_key(done), p=_key(past), b=_key(base))
        return _flag(key, _tokens(base), (DID,), {"v": base, "past": past, "done": done})
    if roll < 0.7:
        job = s.word(w.JOBS)
        return _flag(f"is_{_key(job)}", _tokens(job), (JOB,), {"n": job})
    return _loving(s, scene)


def _loving(s: Source, scene: Scene) -> Item:
    """Whether the subject does something with things: likes, sells, accepts…"""
    base, third = _LOVES[s.rng.randrange(len(_LOVES))]
    noun = s.one_of(scene.plurals) if s.chance(0.6) else _GOODS.pick(s.rng, s.held)
    if not scene.is_person:
        base, third = _TRADES[s.rng.randrange(len(_TRADES))]
        trader = _TRADERS.pick(s.rng, s.held)
        key = s.one_of(("{t}_{v}_{n}", "{v}_{n}")).format(t=_key(trader), v=third, n=_key(noun))
        words = _tokens(third, noun, trader if key.startswith(_key(trader)) else "")
        return _flag(key, words, (LOVES,), {"v": base, "vs": third, "n": noun}, f"the {trader}")
    if s.chance(0.5):
        base, third = _TASTES[s.rng.randrange(len(_TASTES))]
        noun = _TASTED[base].pick(s.rng, s.held)
    return _flag(f"{third}_{_key(noun)}", _tokens(third, noun), (LOVES,), {"v": base, "vs": third, "n": noun})


def _told(key: str, kind: str, words: frozenset[str], make: Callable[[Source], concepts.Value], templates: tuple[str, ...], slots: Slots, *, own: bool = False) -> Item:
    """A field of another kind than yes or no, stated by `templates`; `own` of the subject."""

    def said(s: Source, scene: Scene, value: concepts.Value) -> str:
        subject = _who(s, scene)
        full = {"s": subject, "S": subject, **slots, "v": concepts.show(value)}
        template = s.template(templates)
        if own:
            bare = s.chance(0.5) and not template.startswith(("{O}:", "{O},"))
            full |= {"o": scene.subject, "O": "It" if bare else capital(scene.subject)}
        return fill(template, full)

    return Item(key, kind, words, make, said)


def _typed(spec: str) -> tuple[str, Callable[[Source], concepts.Value], str]:
    """(JSON type, maker, unit) of an attribute's values."""
    kind, *rest = spec.split()
    if kind == "integer":
        return "integer", lambda s: s.rng.randint(int(rest[0]), int(rest[1])), rest[2]
    if kind == "number":
        return "number", lambda s: round(s.rng.uniform(float(rest[0]), float(rest[1])), int(rest[2])), rest[3]
    return "string", values.address if kind == "address" else values.maker(spec), ""


def _attribute(s: Source, scene: Scene) -> Item:
    """What an attribute of something is."""
    name, spec, more = _ATTRIBUTES[s.rng.randrange(len(_ATTRIBUTES))]
    kind, make, unit = _typed(spec)
    if not scene.is_person and s.chance(0.3):
        templates = _ATTRIBUTE_TEXTS[name] if more and s.chance(0.4) else _OWN_MEASURED[unit]
        key = s.one_of(("{}", "{}", "its_{}", "{}_value")).format(_key(name)) if unit else _key(name)
        return _told(key, kind, _tokens(name), make, templates, {"t": name, "T": capital(name)}, own=True)
    noun = s.one_of(scene.counts)
    key = s.one_of(("{n}_{t}", "{n}_{t}", "{t}_of_{n}", "{n}_{t}"))
    general = _MEASURED[unit] if unit else _STATED
    slots = {"t": name, "o": f"the {noun}", "O": f"The {noun}", "G": f"The {noun}'s", "K": capital(noun)}
    templates = _ATTRIBUTE_TEXTS[name] if more and s.chance(0.7) else general
    return _told(key.format(n=_key(noun), t=_key(name)), kind, _tokens(noun, name), make, templates, slots)


_OWN: tuple[str, ...] = ("Its {t} is {v}.", "The {t} is {v}.", "{T}: {v}.", "It has {v} as its {t}.", "The {t} of {o} is {v}.", "The {t} was given as {v}.", "They say that the {t} is {v}.", "What is the {t}? It is {v}.", "I wrote down {v} as the {t}.", "Its {t}: {v}.", "{v} is its {t}.", "{T} {v}.", "As for the {t}, it is {v}.")
_OWN_MEASURED = {"": _OWN} | {
    unit: tuple(text.replace("{v}", f"{{v}} {unit}") for text in _OWN)
    for unit in (spec.split()[-1] for _, spec, _ in _ATTRIBUTES if spec.startswith(("integer", "number")))
}
_MEASURED = {
    unit: tuple(text.replace("{v}", f"{{v}} {unit}") for text in _STATED)
    for unit in (spec.split()[-1] for _, spec, _ in _ATTRIBUTES if spec.startswith(("integer", "number")))
}
_ATTRIBUTE_TEXTS = {name: more for name, _, more in _ATTRIBUTES}


def _role(s: Source, scene: Scene) -> Item:
    """Who somebody is, or how to reach them."""
    role = s.one_of(scene.roles)
    slots = {"r": role, "R": capital(role)}
    if s.chance(0.35):
        name, spec = (("e-mail address", "email"), ("phone number", "phone"), ("badge number", "identifier"), ("mail address", "email"), ("extension", "identifier"))[s.rng.randrange(5)]
        key = _key(role, s.one_of(("email", "mail")) if spec == "email" else name)
        return _told(key, "string", _tokens(role, name), values.maker(spec), _REACH, {**slots, "t": name})
    key = s.one_of(("{}", "{}", "{}_name", "name_of_{}", "{}")).format(_key(role))
    return _told(key, "string", _tokens(role, "called"), values.maker("person"), _WHO, slots)


_PASTS = {
    "hidden": "hid", "stolen": "stole", "taken": "took", "thrown": "threw", "shown": "showed", "shaken": "shook", "torn": "tore",
    "broken": "broke", "forgotten": "forgot", "given": "gave", "withdrawn": "withdrew", "written": "wrote", "rewritten": "rewrote",
}


def _past(done: str) -> str:
    """The past tense of a participle: "took away" of "taken away"."""
    first, _, rest = done.partition(" ")
    return f"{_PASTS.get(first, first)} {rest}".strip()


def _event(s: Source, scene: Scene) -> Item:
    """Who did something to a thing, when or where."""
    done = s.one_of(scene.parts)
    noun, called, forms = _thing(s, scene)
    own = not scene.is_person and s.chance(0.35)
    if own:
        noun, forms = "", _FORMS["count"]
    slots = {**forms, "p": done, "q": _past(done), "P": capital(done), "o": called, "O": capital(called)}
    roll = s.rng.random()
    stem = _key(noun, done)
    if roll < 0.4:
        return _told(f"{stem}_by", "string", _tokens(noun, done, "by"), values.maker("person"), _OWN_BY if own else _BY, slots, own=own)
    if roll < 0.75:
        key = s.one_of((f"{stem}_on", f"{stem}_date", f"{stem}_when", f"date_{stem}"))
        return _told(key, "string", _tokens(noun, done, "on"), values.maker("date"), _OWN_ON if own else _ON, slots, own=own)
    return _told(f"{stem}_in", "string", _tokens(noun, done, "in"), values.maker("place"), _OWN_IN if own else _IN, slots, own=own)


def _number(s: Source, scene: Scene) -> Item:
    """How many there are of something."""
    noun = s.one_of(scene.plurals)
    slots = {"n": noun, "N": capital(noun)}
    if s.chance(0.4):
        done = s.one_of(scene.parts)
        slots |= {"p": done, "q": _past(done)}
        key = s.one_of(("{n}_{p}", "number_of_{n}_{p}", "{p}_{n}")).format(n=_key(noun), p=_key(done))
        return _told(key, "integer", _tokens(noun, done), lambda s: s.rng.randrange(2, 300), _ACTED, slots)
    key = s.one_of(("number_of_{}", "{}", "{}_count", "how_many_{}")).format(_key(noun))
    return _told(key, "integer", _tokens(noun), lambda s: s.rng.randrange(2, 300), _MANY, slots)


def _list(s: Source, scene: Scene) -> Item:
    """Several words of a kind."""
    name, pool = _LISTS[s.rng.randrange(len(_LISTS))]

    def make(s: Source) -> concepts.Value:
        found = [s.word(values.pool(pool)) if pool else w.first_name(s.rng, s.held) for _ in range(s.rng.randrange(2, 5))]
        several = list(dict.fromkeys(word for word in found if " and " not in word and "," not in word))
        return several if len(several) > 1 else [*several, w.invented_name(s.rng), w.invented_name(s.rng)]

    return _told(name, "array", _tokens(name), make, _LISTED, {"n": name, "N": capital(name)})


_FLAGS = (_having, _having, _having, _parted, _parted, _being, _being, _needing, _allowing)
_OTHERS = (_attribute, _attribute, _attribute, _role, _event, _event, _number, _list)


def _item(s: Source, scene: Scene, *, flag: bool) -> Item:
    """A field made of the words of the scene."""
    if flag:
        if s.chance(0.55 if scene.is_person else 0.1):
            return _acting(s, scene) if scene.is_person else _loving(s, scene)
        return s.rng.choice(_FLAGS)(s, scene)
    return s.rng.choice(_OTHERS)(s, scene)


def _picked(s: Source, pool: w.Pool, count: int) -> tuple[str, ...]:
    """A few words of `pool`."""
    return tuple(s.word(pool) for _ in range(count))


def _countable(s: Source, pool: w.Pool) -> str:
    """A noun there can be one of: ordinary, of the long lists, or invented."""
    noun = s.word(pool if s.chance(0.7) else w.OBJECTS).lower()
    return f"{s.word(_KINDS)} {noun}" if s.chance(0.25) else noun


def _countables(s: Source, pool: w.Pool) -> tuple[str, ...]:
    """Nouns of a scene, now and then two of the same thing: "front door", "back door"."""
    nouns = [_countable(s, pool) for _ in range(4)]
    if s.chance(0.5):
        head = nouns[0].split()[-1]
        nouns[0], nouns[1] = f"{s.word(_KINDS)} {head}", f"{s.word(_KINDS)} {head}"
    return tuple(nouns)


def _participle(s: Source, pool: w.Pool) -> str:
    """What has been done to something: now and then by a verb nobody knows."""
    if not s.held and s.chance(0.12):
        return w.blend(s.rng).rstrip("e") + "ed"
    return pool.pick(s.rng, s.held)


def _scene(s: Source) -> Scene:
    """The words of a conversation."""
    nouns, parts = (_PAPERS, _PAPER_PARTS) if s.chance(0.25) else (_COUNT, _PARTS)
    adjectives = [_ADJECTIVES.pick(s.rng, s.held) if s.chance(0.7) else s.word(w.ADJECTIVES).lower() for _ in range(3)]
    return Scene(
        "", "it", s.chance(0.3), _countables(s, nouns), _picked(s, _MASS, 2), _picked(s, _PLURAL, 3),
        _picked(s, _ALLOWED, 3), tuple(_participle(s, parts) for _ in range(3)), tuple(adjectives), _picked(s, _ROLES, 3),
        _picked(s, _TEMPERS, 3),
    )


def _about(s: Source, scene: Scene, thing: str) -> Scene:
    """The scene of one text: its subject chosen."""
    subject, pronoun = f"the {thing}", "it"
    if scene.is_person:
        subject = w.first_name(s.rng, s.held) if s.chance(0.6) else w.person(s.rng, s.held)
        pronoun = s.one_of(("she", "he"))
    elif s.chance(0.15):
        subject = f"this {thing}"
    return Scene(
        subject, pronoun, scene.is_person, scene.counts, scene.masses, scene.plurals,
        scene.allowed, scene.parts, scene.adjectives, scene.roles, scene.tempers,
    )


def _clash(item: Item, sentence: str, own: frozenset[str], wanted: list[Item]) -> bool:
    """Whether a sentence might fill one of the fields it isn't for."""
    found = _tokens(sentence) | own
    return any(other is not item and other.words <= found for other in wanted)


def _fields(s: Source, scene: Scene, count: int, flags: int) -> list[Item]:
    """The fields of a schema, no two of which one sentence might fill."""
    items: list[Item] = []
    for tried in range(count * 6):
        if len(items) >= count:
            break
        item = _item(s, scene, flag=len(items) < flags or tried > count * 4)
        apart = all(not (item.words <= other.words or other.words <= item.words) for other in items)
        if apart and all(item.key != other.key for other in items):
            items.append(item)
    s.rng.shuffle(items)
    return items


def _sentence(s: Source, scene: Scene, item: Item, value: concepts.Value, wanted: list[Item]) -> str:
    """A sentence that states a value and might fill no other field; "" if none came."""
    for _ in range(6):
        text = item.said(s, scene, value)
        if not _clash(item, text, item.words, wanted):
            exact = text.startswith(concepts.show(value))
            text = text if exact else capital(text)
            if s.chance(0.1) and text.split()[0] in _STARTS and text.endswith(".") and not set(":?") & set(text):
                text = s.one_of(_PREFIXES) + lower(text)
            return text
    return ""


def _others(s: Source, scene: Scene, wanted: list[Item], room: int) -> list[str]:
    """Sentences that fill no field, of the same words in other pairings."""
    found: list[str] = []
    seen: list[Item] = list(wanted)
    for _ in range(room * 4):
        if len(found) >= room:
            break
        if s.chance(0.12):
            text = s.phrase(_NEUTRAL, {"n": s.one_of(scene.counts)})
            if not _clash(wanted[0], text, frozenset(), wanted[1:]) and not wanted[0].words <= _tokens(text):
                found.append(text)
            continue
        drawn = [_item(s, scene, flag=s.chance(0.65)) for _ in range(s.rng.choice((1, 2, 3)))]
        item = max(drawn, key=lambda one: sum(len(one.words & other.words) for other in wanted))
        if any(item.words <= other.words or other.words <= item.words for other in seen):
            continue
        text = _sentence(s, scene, item, item.make(s), wanted)
        if text:
            found.append(text)
            seen.append(item)
    return found


def _text(s: Source, scene: Scene, items: list[Item], given: list[concepts.Value]) -> list[tuple[Item | None, str]]:
    """The sentences of a text, each with the field it fills, if any."""
    said: list[tuple[Item | None, str]] = []
    for item, value in zip(items, given, strict=True):
        text = _sentence(s, scene, item, value, items)
        said.append((item, text or capital(item.said(s, scene, value))))
    room = s.rng.choice((0, 1, 1, 2, 2, 3, 4))
    said += [(None, text) for text in _others(s, scene, items, min(room, 9 - len(said)))]
    if len(said) > len(items) or s.chance(0.5):
        s.rng.shuffle(said)
    # A text that says "she" first says who that is.
    if len(said) < 9 and s.chance(0.7 if scene.is_person else 0.35):
        opening = s.phrase(_OPENINGS, {"s": scene.subject})
        if not any(item.words <= _tokens(opening) for item in items):
            said.insert(0, (None, opening))
    return said


def _thing_apart(s: Source, scene: Scene) -> str:
    """What a text can be about without being one of the scene's other words."""
    known = _tokens(*scene.counts, *scene.plurals, *scene.masses, *scene.roles)
    for _ in range(8):
        thing = s.word(_THINGS)
        if thing not in known and f"{thing}s" not in known:
            return thing
    return "object"


def open_form(s: Source, talk: Talk) -> None:
    """Texts and a schema of open keys; the answer to each text is an object."""
    scene = _scene(s)
    count = s.rng.choice((2, 3, 3, 4, 4, 5, 5, 6, 7))
    flags = min(count, s.rng.choice((0, 1, 1, 2, 2, 2, 3, 3, 4, 7)))
    items = _fields(s, scene, count, flags)
    camel = s.chance(0.12)
    keyed = {camel_case(item.key) if camel else item.key: item for item in items}
    names = {id(item): key for key, item in keyed.items()}
    title = s.word(_TITLES) if s.chance(0.6) else capital(s.one_of(scene.counts))
    fields = {key: Field(key, item.kind, item.make, ()) for key, item in keyed.items()}
    talk.system(response_format=schema_of(s, title, fields))
    thing = _thing_apart(s, scene)
    items = list(keyed.values())
    for turn in range(s.rng.choice((2, 2, 3, 3, 4, 5, 6))):
        here = _about(s, scene, thing)
        given = [item.make(s) for item in items]
        wanted = dict(zip(keyed, given, strict=True))
        said = _text(s, here, items, given)
        text = ("\n" if s.chance(0.1) else " ").join(sentence for _, sentence in said)
        if s.chance(0.2):
            asked = with_document(s, text, s.template(FORM))
        elif turn and s.chance(0.5):
            asked = text
        else:
            asked = s.phrase(FILL if s.chance(0.3) else _OPEN_FILL, {"k": title.lower(), "x": text})
        talk.user(asked)
        answer = json.dumps(wanted, ensure_ascii=False)
        thought = "\n".join(noted(sentence, names[id(item)] if item else "", wanted) for item, sentence in said)
        talk.say(answer, thought, answer)
