"""More ways to ask for what well-known tools do, by the first name of the tool.

What a small model can't do is see that two phrasings mean the same, unless it has met
many of both: with a dozen a tool it took every tenth question that it hadn't met for one
that no tool can answer.
"""

from __future__ import annotations

from typing import Final

MORE_ASKS: Final[dict[str, tuple[str, ...]]] = {
    "get_weather": (
        "Will I need [an umbrella|sunscreen|a scarf] in {0}[ today| tomorrow|]?", "Should I take [an umbrella|a coat|a raincoat] to {0}?",
        "What are the conditions in {0}?", "Is it nice out in {0}?", "What's it like outside in {0}?", "How's it looking in {0} weather-wise?",
        "Is {0} [sunny|rainy|cloudy|cold|warm] [today|now|at the moment]?", "Let me know the weather for {0}.", "Could you look up the weather in {0}?",
        "I'm flying to {0}, will it be [cold|warm|wet]?", "What will the weather be in {0}?", "Does it snow in {0}?", "{0}: what's the weather?",
        "Is there [a storm|snow|fog|sun] in {0}?", "Temperature in {0}", "How many degrees is it in {0}?", "What does the sky look like in {0}?",
        "what's the weather going to be in {0}", "Find out how the weather is in {0}.", "show the weather of {0}", "Any sun in {0}?", "weather for {0} please",
        "whats the weather in {0}", "hows the weather in {0}", "Can I go out without a jacket in {0}?",
    ),
    "add": (
        "what's {0} plus {1}", "whats {0} plus {1}", "Give me the sum of {0} and {1}.", "{0} and {1} together?", "Put {0} and {1} together.",
        "If I have {0} and get {1} more, how many is that?", "{0} added to {1}", "What is {0} and {1}?", "Tell me {0} plus {1}.", "Can you add {0} to {1}?",
        "How much do {0} and {1} make?", "sum of {0} and {1}", "total of {0} and {1}", "What's the total of {0} and {1}?", "Add up {0} and {1}.",
    ),
    "multiply": (
        "what's {0} times {1}", "whats {0} times {1}", "Give me the product of {0} and {1}.", "{0} by {1}", "Tell me {0} times {1}.", "Can you multiply {0} with {1}?",
        "{0} multiplied by {1}", "How much are {0} times {1}?", "product of {0} and {1}", "{0} rows of {1}, how many is that?", "What does {0} times {1} make?",
    ),
    "subtract": (
        "what's {0} minus {1}", "Give me {0} minus {1}.", "Tell me {0} less {1}.", "Remove {1} from {0}.", "{0} take away {1}", "If I have {0} and lose {1}, what is left?",
        "How much is left of {0} after {1}?", "Deduct {1} from {0}.", "difference of {0} and {1}", "What remains of {0} without {1}?", "Can you subtract {1} from {0}?",
        "How much more is {0} than {1}?",
    ),
    "divide": (
        "what's {0} divided by {1}", "Give me {0} divided by {1}.", "Split {0} by {1}.", "Share {0} among {1}.", "{0} over {1}", "Can you divide {0} by {1}?", "Tell me {0} over {1}.",
        "How much is {0} split {1} ways?", "quotient of {0} and {1}", "What is a {1}th of {0}?", "How often does {1} fit into {0}?", "Work out {0} / {1}.",
    ),
    "calculate": (
        "Please work out {0}.", "result of {0}", "what does {0} make", "What does {0} come to?", "Give me {0}.", "calc {0}", "Could you compute {0}?", "How much does {0} make?",
        "Find {0}.", "{0} is what?", "Tell me the result of {0}.", "Do {0} for me.", "What do I get for {0}?", "whats {0}",
    ),
    "convert_currency": (
        "how many {2} for {0} {1}", "{0} {1} are how many {2}?", "Turn {0} {1} into {2}.", "What do I get in {2} for {0} {1}?", "I need {0} {1} in {2}.", "Give me {0} {1} in {2}.",
        "Can you change {0} {1} to {2}?", "If I have {0} {1}, how many {2} is it?", "{0} {1} = ? {2}", "Price is {0} {1}. What is it in {2}?", "how much are {0} {1} in {2}",
        "Tell me what {0} {1} are in {2}.", "Swap {0} {1} for {2}.", "convert {0} {1} {2}", "What would {0} {1} be in {2}?", "value of {0} {1} in {2}",
    ),
    "get_population": (
        "How large is the population of {0}?", "how many people are there in {0}", "How many residents does {0} have?", "Count the people of {0}.", "What's the number of inhabitants of {0}?",
        "{0}: how many people?", "Find the population of {0}.", "How populous is {0}?", "How many live in {0}?", "I want to know how many people live in {0}.", "people in {0}?",
        "Give me the population of {0}.", "What is {0}'s number of residents?", "Are there many people in {0}? How many?", "Could you tell me the population of {0}?",
    ),
    "order_status": (
        "whats the status of order {0}", "Any news on order {0}?", "Is my order {0} on its way?", "Has {0} been sent?", "Did order {0} go out?", "Follow up on order {0}.", "I'm waiting for order {0}.",
        "Tell me where {0} is.", "How far is order {0}?", "what about order {0}", "Can you track {0}?", "Find out about my order {0}.", "I haven't received order {0}.", "State of order {0}?",
        "Let me know the status of {0}.", "Where has order {0} got to?",
    ),
    "search": (
        "What is there on {0}?", "Please search {0}.", "Can you look for {0}?", "I'd like to read about {0}.", "Show me results for {0}.", "Do a search for {0}.", "Find out about {0}.", "Find {0} online.",
        "Tell me what the web says about {0}.", "search the internet for {0}", "I'm looking for {0}.", "Anything on {0}?", "Give me links about {0}.", "Research {0}.", "pages about {0}",
        "Where can I read about {0}?",
    ),
    "get_time": (
        "whats the time in {0}", "What hour is it in {0}?", "Is it morning in {0}?", "Give me the time in {0}.", "Can you tell me the time in {0}?", "Look up the time in {0}.", "{0}, what time is it?",
        "What does the clock say in {0}?", "Time now in {0}", "Are people asleep in {0} now?", "what time do they have in {0}", "I need the local time of {0}.", "Check the time in {0}.",
    ),
    "send_email": (
        "Send a message to {0}: {2}. Subject: {1}.", 'Email {0} with the subject "{1}" and body "{2}".', "Please mail {0}. Subject {1}, text {2}", "Drop {0} a mail about {1}: {2}", "Let {0} know by mail: {2}. Subject {1}.",
        "Write {0} an email with subject {1} that says {2}", "Compose a mail to {0} on {1}: {2}", "mail to {0}, subject {1}, {2}", "I want to send {0} a mail, subject {1}, with the text {2}",
        'Can you email {0}? Subject "{1}", text "{2}".', "Email to {0}. Title: {1}. Text: {2}", 'Write an email to {0} with "{1}" as the subject and "{2}" as the body.', "Send {2} to {0} under the subject {1}",
    ),
    "get_price": (
        "whats the price of the {0}", "What would a {0} cost me?", "How much would the {0} be?", "Can you tell me what the {0} costs?", "Give me the price for the {0}.", "What do I pay for a {0}?", "cost of the {0}",
        "Find the price of the {0}.", "how much does the {0} cost", "Is the {0} expensive?", "What's a {0} worth?", "I'd like to know the price of the {0}.", "Price check: {0}", "what are you asking for the {0}",
        "How many euros is the {0}?",
    ),
    "set_thermostat": (
        "Change the {1} to {0} degrees.", "Warm the {1} up to {0}.", "Cool the {1} down to {0}.", "Adjust the {1} to {0} degrees.", "The {1} should be {0} degrees.", "Bring the {1} to {0}.", "thermostat {1} {0}",
        "Can you make it {0} degrees in the {1}?", "Let the {1} have {0} degrees.", "I'd like the {1} at {0}.", "Temperature in the {1}: {0}", "Set temperature to {0} in the {1}.", "It should be {0} in the {1}.",
        "Please put {0} degrees on in the {1}.", "Keep the {1} at {0} degrees.", "Raise the {1} to {0}.",
    ),
    "set_reminder": (
        "remind me at {1} to {0}", "Please remind me to {0} at {1}.", "I have to {0} at {1}, set a reminder.", "Make a note for {1}: {0}", "Put a reminder for {1} to {0}.", "Give me a reminder at {1} to {0}.",
        "Wake me up at {1} to {0}.", "I mustn't forget to {0} at {1}.", "Create a reminder: {0} at {1}", "Alert me at {1} so that I {0}.", "Add a reminder to {0}, {1}", "At {1} I want to {0}, remind me.",
    ),
    "translate": (
        "how do you say {0} in {1}", "Give me {0} in {1}.", "I'd like to say {0} in {1}.", "What's the {1} for {0}?", "What do people say in {1} for {0}?", "{0} to {1}", "Translate to {1}: {0}",
        "Turn {0} into {1}.", "Tell me {0} in {1}.", "Write {0} in {1}.", "Can you translate {0} to {1}?", "translation of {0} into {1}", "How would I say {0} in {1}?", "What does {0} become in {1}?",
    ),
    "find_flights": (
        "Show flights from {0} to {1} on {2}.", "Book a flight from {0} to {1} for {2}.", "I need a flight from {0} to {1} on {2}.", "Flight from {0} to {1}, {2}", "Look for flights {0} - {1} on {2}.",
        "Get me from {0} to {1} on {2}.", "Which planes fly from {0} to {1} on {2}?", "How can I fly from {0} to {1} on {2}?", "Is there a plane from {0} to {1} on {2}?", "Travelling from {0} to {1} on {2}, find a flight.",
        "{0} to {1} by plane on {2}", "We leave {0} for {1} on {2}. Find flights.",
    ),
    "stock_price": (
        "whats {0} stock at", "How much is {0} worth on the market?", "Quote for {0}", "Check the {0} shares.", "What do {0} shares cost?", "Tell me the share price of {0}.", "How are {0} shares?", "Price of {0} stock?",
        "Is {0} up?", "Where does {0} stand on the exchange?", "I own {0}, what's it at?", "Show me the {0} stock.",
    ),
    "check_stock": (
        "Hello, is the {0} in stock?", "have you got the {0}", "Can I still get the {0}?", "Is there a {0} left?", "Are there any {0} in the warehouse?", "How much of the {0} is left?", "Do we still have the {0}?", "{0} in stock?",
        "Look whether the {0} is available.", "How many of the {0} are there?", "Is the {0} sold out?", "Tell me the stock of the {0}.", "Number of {0} left?", "Would you have the {0}?",
    ),
    "get_distance": (
        "how far apart are {0} and {1}", "How long is the way from {0} to {1}?", "How many kilometres are between {0} and {1}?", "Is it far from {0} to {1}?", "distance from {0} to {1}", "Measure the distance from {0} to {1}.",
        "Give me the distance between {0} and {1}.", "What's the distance {0} to {1}?", "km between {0} and {1}", "How far away is {1} from {0}?", "I drive from {0} to {1}, how far is that?", "Find how far {0} is from {1}.",
        "How long is the road between {0} and {1}?",
    ),
    "find_contact": (
        "whats the number of {0}", "Give me the phone number of {0}.", "How can I call {0}?", "I need to phone {0}.", "Do you have {0}'s number?", "Tell me {0}'s telephone number.", "Which number does {0} have?", "contact {0}",
        "Under which number do I reach {0}?", "Can you find {0}'s phone?", "Search my contacts for {0}.", "telephone of {0}?",
    ),
    "get_email": (
        "whats the email of {0}", "Give me {0}'s e-mail.", "Do you know {0}'s email address?", "I need the mail address of {0}.", "Where can I write to {0}?", "Tell me the e-mail address of {0}.", "Which email does {0} have?",
        "e-mail {0}?", "Find the email of {0}.", "What address do I mail {0} at?", "I want to write to {0}, what's the address?", "Show the email address of {0}.",
    ),
    "book_table": (
        "Book {0} at {2} for {1}.", "We need a table at {0} at {2} for {1} people.", "Please reserve {0} for {1} at {2}.", "Dinner at {0} for {1} at {2}", "Can we get a table for {1} at {0} at {2}?", "{1} people at {0}, {2}",
        "There are {1} of us, reserve {0} at {2}.", "Make a reservation at {0} for {1} at {2}.", "Get a table at {0}, {1} people, {2}", "I'd like a table at {0} for {1} at {2}.", "reserve {0} {2} {1} persons",
        "We'll be {1} at {0}, {2}. Book it.", "Table at {0}, please: {1} guests, {2}.",
    ),
    "turn_on_light": (
        "Put the {0} light {1}.", "The light in the {0} should be {1}.", "{1} with the light in the {0}", "Make the light in the {0} go {1}.", "Light in the {0}: {1}", "I want the {0} light {1}.", "Can you turn {1} the light in the {0}?",
        "switch the {0} light {1}", "Turn {1} the lamp in the {0}.", "Please switch {1} the light in the {0}.", "{0} lamp {1}", "Set the light in the {0} to {1}.",
    ),
    "play_music": (
        "I'd like to listen to {0}.", "Could you put {0} on?", "Play me {0}.", "Start the song {0}.", "Let's hear {0}.", "Turn on {0}.", "Play {0} now.", "I feel like {0}, play it.", "the song {0}, please", "Let's listen to {0}.",
        "Start playing {0}.", "Can I hear {0}?",
    ),
    "convert_units": (
        "how many {2} is {0} {1}", "Turn {0} {1} into {2}.", "Give me {0} {1} in {2}.", "Change {0} {1} to {2}.", "{0} {1} are how many {2}?", "How much is {0} {1} in {2}?", "I need {0} {1} in {2}.", "Express {0} {1} in {2}.",
        "What would {0} {1} be in {2}?", "{0} {1} = ? {2}", "Tell me {0} {1} in {2}.",
    ),
    "add_to_cart": (
        "I'll take {1} {0}.", "Give me {1} {0}.", "Please order {1} {0}.", "Could I have {1} {0}?", "I need {1} {0}.", "We need {1} of the {0}.", "{1} times the {0}, please", "Send me {1} {0}.", "I would like {1} {0}.",
        "Purchase {1} {0}.", "Reserve {1} {0} for me.", "Put {1} {0} on the order.",
    ),
    "roll_dice": ("Let {0} dice fall.", "Let's roll {0} dice.", "{0} dice please", "I want to roll {0} dice.", "Give me a roll of {0} dice.", "Cast {0} dice.", "Shake {0} dice.", "What do {0} dice show?", "dice: {0}"),
    "capital_of": (
        "whats the capital of {0}", "Name the capital of {0}.", "{0}'s capital?", "What city is {0}'s capital?", "Give me the capital of {0}.", "Do you know the capital of {0}?", "Which is the capital city of {0}?",
        "Where does the government of {0} sit?", "Find the capital of {0}.", "I forgot the capital of {0}.",
    ),
    "get_balance": (
        "whats on account {0}", "Is there money in {0}?", "Show the balance of {0}.", "How much do I have in {0}?", "Give me the balance of account {0}.", "Tell me what's in account {0}.", "What is left on {0}?", "account {0} balance",
        "Look up account {0}.", "How is account {0} doing?",
    ),
    "get_date": ("whats the date", "Give me today's date.", "Which date is it?", "What date do we have?", "What's today?", "day today?", "I forgot the date.", "Can you tell me the date?", "What is the date now?", "Is it Monday today?"),
    "list_files": ("Give me the files.", "Can you list the files?", "Which files do I have?", "What is in the folder?", "files?", "Tell me what files there are.", "I want to see the files.", "Is there any file?", "all my files please"),
    "read_file": (
        "Give me the content of {0}.", "Can you open {0}?", "Let me see {0}.", "what is written in {0}", "Tell me what {0} says.", "Load {0}.", "I want to read {0}.", "Please read {0} to me.", "contents of {0}", "Look into {0}.",
        "Show the text of {0}.",
    ),
}
