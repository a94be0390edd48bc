"""What well-known tools do: weather, sums, money, orders, mail, travel, files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from training.data import words as w
from training.data.concepts import (
    CITY,
    NAME,
    Concept,
    Param,
    Value,
    done,
    integer_param,
    number_param,
    product,
    show,
    simple,
    string_param,
    text_of,
    words_of,
)
from training.data.phrases import Source, capital, fill

if TYPE_CHECKING:
    from collections.abc import Callable


def _first(a: dict[str, Value]) -> str:
    return show(next(iter(a.values())))


def _weather(s: Source, a: dict[str, Value]) -> tuple[str, str]:
    city, sky, degrees = _first(a), s.word(w.WEATHER), s.rng.randrange(-15, 42)
    if not s.held and s.chance(0.3):  # Not in the exam, whose questions stay as they are.
        said = s.one_of(("{w}", "{w} in {c}", "{c} is {w}", "It is {w} in {c}.", "{W} in {c} today", "{c}: {w}"))
        slots = {"w": sky, "W": capital(sky), "c": city}
        return fill(said, slots), f"The weather in {city} is {sky}."
    unit = s.one_of(("C", " C", " degrees", "°C", "F"))
    answer = f"The weather in {city} is {sky}, {degrees}{unit}."
    if s.chance(0.3):
        return f'{{"weather": "{sky}", "temperature": {degrees}}}', (
            f"The weather in {city} is {sky}, {degrees} degrees."
        )
    if s.chance(0.3):
        return f"{sky}, {degrees}{unit}", answer
    if s.chance(0.4):
        return f"{capital(sky)} and {degrees}{unit} in {city}.", answer
    return f"It is {sky} in {city}, {degrees}{unit}.", answer


def _round(value: float) -> Value:
    rounded = round(value, 4)
    return int(rounded) if rounded == int(rounded) else rounded


def _arithmetic(op: str) -> Callable[[Source, dict[str, Value]], tuple[str, str]]:
    def result(s: Source, a: dict[str, Value]) -> tuple[str, str]:
        x, y = (float(v) for v in list(a.values())[:2] if isinstance(v, int | float))
        table = {"+": x + y, "-": x - y, "*": x * y, "/": x / (y or 1), "^": x + y}
        value = show(_round(table[op]))
        left, right = (show(v) for v in list(a.values())[:2])
        said = value if s.chance(0.7) else f'{{"result": {value}}}'
        sign = {"+": "+", "-": "-", "*": "times", "/": "divided by", "^": "to the power of"}
        return said, f"{left} {sign[op]} {right} is {value}."

    return result


def _expression(s: Source) -> Value:
    def n() -> str:
        return str(s.rng.randrange(1, s.rng.choice((10, 100, 1000))))

    def op() -> str:
        return s.one_of(("+", "-", "*", "/"))

    space = s.one_of((" ", " ", ""))
    kind = s.rng.randrange(4)
    if kind < 2:
        return f"{n()}{space}{op()}{space}{n()}"
    if kind == 2:
        return f"{n()}{space}{op()}{space}{n()}{space}{op()}{space}{n()}"
    return f"({n()}{space}{op()}{space}{n()}){space}*{space}{n()}"


def _two(names: str, *descriptions: str) -> tuple[Param, Param]:
    a, b = names.split("/")
    return number_param(a, *descriptions), number_param(b, *descriptions)


_AB = "a x first left n1 value1 number1 a/b y second right n2 value2 number2 b"

EVERYDAY: Final[tuple[Concept, ...]] = (
    Concept(
        "get_weather weather current_weather getWeather weather_now fetch_weather lookup_weather "
        "check_weather forecast get_forecast city_weather weather_report get_current_weather",
        ("Get the weather in a city.", "Current weather for a city", "The weather now.", "Look up the weather.",
         "Return the weather forecast for a place.", "Weather at a location", "How the weather is in a city.",
         "Get the current weather for a location."),
        (CITY,),
        ("What's the weather [like |]in {0}?", "What is the weather in {0}?", "What is the weather like in {0} [today|now|right now|]?",
         "How is the weather in {0}[ today|]?", "How's the weather in {0}?", "weather {0}", "{0} weather", "Weather in {0}[ now|]?",
         "Tell me the weather in {0}.", "Is it [raining|sunny|cold|warm|hot|windy] in {0}[ now| today|]?",
         "Will it rain in {0}[ today| tomorrow|]?", "Do I need [an umbrella|a coat|a jacket] in {0}?", "Check the weather [in|for] {0}.",
         "I'm going to {0}, what's the weather there?", "What's the temperature in {0}?", "How [hot|cold|warm] is it in {0}?",
         "Get the [forecast|weather] for {0}.", "Give me the {0} weather.", "What should I wear in {0} today?",
         "I want to know the weather in {0}.", "forecast for {0}", "Any rain in {0}?", "How is it outside in {0}?"),
        _weather,
    ),
    Concept(
        "add sum plus add_numbers addNumbers sum_two add_two calc_sum addition adder total",
        ("Add two numbers.", "Returns a + b", "Sum of two numbers", "Adds b to a.", "Compute a sum"),
        _two(_AB, "A number", "Number to add", "An operand"),
        ("What is {0} plus {1}?", "What's {0} + {1}?", "{0} + {1}", "Add {0} and {1}.", "Sum {0} and {1}.", "{0} plus {1}",
         "How much is {0} plus {1}?", "Calculate {0} + {1}.", "Add {1} to {0}.", "What do {0} and {1} add up to?",
         "compute {0} + {1}", "What is the sum of {0} and {1}?", "Work out {0} + {1}.", "{0}+{1}", "{0} and {1} makes what?"),
        _arithmetic("+"),
    ),
    Concept(
        "multiply times product mul multiply_numbers multiplyNumbers product_of multiplication mult",
        ("Multiply two numbers.", "Returns a * b", "Product of two numbers", "Multiplies a by b.", "a times b"),
        _two(_AB, "A number", "A factor", "An operand"),
        ("What is {0} times {1}?", "What's {0} * {1}?", "{0} * {1}", "Multiply {0} by {1}.", "Multiply {0} and {1}.", "{0} times {1}",
         "How much is {0} times {1}?", "Calculate {0} * {1}.", "What is the product of {0} and {1}?", "{0} x {1}",
         "What is {0} multiplied by {1}?", "Work out {0} * {1}.", "{0}*{1}", "compute {0} times {1}"),
        _arithmetic("*"),
    ),
    Concept(
        "subtract minus difference sub subtract_numbers take_away subtraction diff",
        ("Subtract b from a.", "Returns a - b", "Difference of two numbers", "a minus b"),
        _two(_AB, "A number", "An operand"),
        ("What is {0} minus {1}?", "{0} - {1}", "What's {0} - {1}?", "Subtract {1} from {0}.", "{0} minus {1}",
         "Take {1} away from {0}.", "How much is {0} less {1}?", "Calculate {0} - {1}.", "What is the difference between {0} and {1}?"),
        _arithmetic("-"),
    ),
    Concept(
        "divide quotient div divide_numbers division ratio",
        ("Divide a by b.", "Returns a / b", "Quotient of two numbers", "a divided by b"),
        _two(_AB, "A number", "An operand"),
        ("What is {0} divided by {1}?", "{0} / {1}", "What's {0} / {1}?", "Divide {0} by {1}.", "{0} divided by {1}",
         "How much is {0} over {1}?", "Calculate {0} / {1}.", "How many times does {1} go into {0}?"),
        _arithmetic("/"),
    ),
    Concept(
        "calculate calculator calc evaluate eval_expression compute math solve do_math evaluateExpression",
        ("Evaluate an arithmetic expression.", "Calculate an expression", "Does arithmetic.", "A calculator.", "Compute the value of a formula"),
        (string_param("expression expr formula expression input calculation", _expression, "The expression", "Expression to evaluate", "What to compute"),),
        ("What is {0}?", "What's {0}?", "Calculate {0}.", "Compute {0}.", "{0}", "{0} = ?", "How much is {0}?", "Work out {0}.",
         "Solve {0}.", "Evaluate {0}.", "Can you calculate {0}?", "Do the math: {0}", "Tell me what {0} is.", "I need the result of {0}."),
        simple("result", lambda s: w.number(s.rng), "{v}", "{0} is {v}."),
    ),
    Concept(
        "convert_currency currency convert exchange exchange_money convertCurrency fx currency_converter change_money convert_money",
        ("Convert an amount between currencies.", "Currency conversion", "Exchange money.", "Convert money from one currency to another."),
        (number_param("amount amount value sum money quantity", "The amount", "How much"),
         string_param("from_currency source from base from_unit currency_from", lambda s: s.word(w.CURRENCIES if s.chance(0.6) else w.MONEY), "Currency to convert from", "Source currency"),
         string_param("to_currency target to quote to_unit currency_to", lambda s: s.word(w.CURRENCIES if s.chance(0.6) else w.MONEY), "Currency to convert to", "Target currency")),
        ("Convert {0} {1} to {2}.", "How much is {0} {1} in {2}?", "What is {0} {1} in {2}?", "{0} {1} to {2}", "{0} {1} in {2}",
         "Change {0} {1} into {2}.", "Exchange {0} {1} for {2}.", "How many {2} is {0} {1}?", "How many {2} do I get for {0} {1}?",
         "What's {0} {1} worth in {2}?", "I have {0} {1}, how much is that in {2}?"),
        simple("amount", lambda s: w.decimal(s.rng), "{v}", "{0} {1} is {v} {2}."),
    ),
    Concept(
        "get_population population city_population population_of getPopulation lookup_population inhabitants count_people",
        ("Population of a city.", "How many people live in a city", "Get the population.", "Number of inhabitants", "Look up how many people live somewhere."),
        (Param("city place city location name country", "string", lambda s: w.place(s.rng, s.held) if s.chance(0.7) else s.word(w.COUNTRIES), CITY.descriptions),),
        ("What is the population of {0}?", "How many people live in {0}?", "population of {0}", "How big is {0}?", "{0} population",
         "How many inhabitants does {0} have?", "Tell me the population of {0}.", "What's {0}'s population?", "Number of people in {0}?",
         "Do you know how many people live in {0}?", "Look up the population of {0}."),
        simple("population", lambda s: s.rng.randrange(1000, 20000000), "{0} has {v} inhabitants.", "{0} has {v} inhabitants."),
    ),
    Concept(
        "order_status get_order_status check_order track_order getOrderStatus lookup_order find_order where_is_order get_order order_lookup",
        ("Status of an order.", "Get the status of an order", "Track an order.", "Look up an order by its id.", "Check where an order is"),
        (string_param("order_id order_id id order number order_number orderId", text_of(lambda r, h: w.identifier(r)), "The order id", "Order number", "ID of the order"),),
        ("Where is my order {0}?", "What is the status of order {0}?", "Track order {0}.", "order {0}", "status of {0}", "Has order {0} [shipped|arrived] yet?",
         "Check order {0}.", "Can you check on order {0}?", "When will order {0} arrive?", "What's happening with order {0}?", "Where's {0}?",
         "I ordered something, the number is {0}. Where is it?", "Look up order {0}.", "Is order {0} delivered?", "My order number is {0}, what's its status?"),
        simple("status", lambda s: s.word(w.STATUSES), "{v}", "Order {0} is {v}."),
    ),
    Concept(
        "search web_search search_web google find lookup searchWeb search_internet query_web search_docs find_info",
        ("Search the web.", "Search for a query", "Find pages about something.", "Look something up online.", "Web search"),
        (string_param("query query q text search_query topic term", words_of(w.TOPICS), "What to search for", "The query", "Search terms"),),
        ("Search for {0}.", "Look up {0}.", "Find [information|something|pages|articles] about {0}.", "search {0}", "google {0}", "Search the web for {0}.",
         "What can you find about {0}?", "I need information on {0}.", "Find me something on {0}.", "Look online for {0}.", "Any news about {0}?"),
        simple("result", lambda s: f"{s.word(w.TOPICS)} guide", "Found: {v}", "I found: {v}."),
    ),
    Concept(
        "get_time current_time time time_in clock getTime local_time what_time world_clock time_now",
        ("Current time in a city.", "Get the local time", "What time it is somewhere.", "The time in a place"),
        (Param("city timezone place location zone city", "string", text_of(w.place), ("The city", "Time zone or city", "Where")),),
        ("What time is it in {0}?", "What's the time in {0}?", "time in {0}", "Tell me the time in {0}.", "Current time in {0}?", "{0} time",
         "Do you know what time it is in {0}?", "What is the local time in {0}?", "Is it late in {0}?", "How late is it in {0} now?"),
        simple("time", lambda s: w.clock(s.rng), "{v}", "It is {v} in {0}."),
    ),
    Concept(
        "send_email email send_mail mail sendEmail write_email compose_email send_message_to",
        ("Send an e-mail.", "Send an email to someone", "Mail somebody.", "Write and send a mail."),
        (string_param("to to recipient address email to_address", text_of(w.email), "The recipient", "Address to send to"),
         string_param("subject subject title topic", words_of(w.MAIL_SUBJECTS), "The subject", "Subject line"),
         string_param("body body text message content", text_of(w.remark), "The text", "Body of the mail")),
        ("Send an email to {0} with subject {1} and body {2}", "Email {0}, subject {1}: {2}", "Mail {0} with the subject {1} saying {2}",
         "Send {0} a mail titled {1}: {2}", "Write to {0}, subject: {1}, body: {2}", 'Send an e-mail to {0}. Subject: "{1}". Body: "{2}"',
         "Tell {0} by email: {2} (subject {1})"),
        done("Sent to {0}.", "I sent the e-mail to {0}."),
    ),
    Concept(
        "get_price price price_of lookup_price getPrice product_price check_price item_price cost how_much find_price",
        ("Price of a product.", "Get the price of an item", "Look up what something costs.", "How much a product costs"),
        (Param("product item product name article", "string", product, ("The product", "Name of the item", "Product name")),),
        ("How much is the {0}?", "What does the {0} cost?", "price of the {0}", "What's the price of the {0}?", "How much does a {0} cost?", "{0} price",
         "Tell me the price of the {0}.", "How expensive is the {0}?", "What do you charge for the {0}?", "I want to buy a {0}, how much is it?",
         "Look up the price of {0}.", "how much for the {0}"),
        simple("price", lambda s: w.decimal(s.rng), "{v} EUR", "The {0} costs {v}."),
    ),
    Concept(
        "set_thermostat set_temperature thermostat heat setTemperature set_heating adjust_temperature change_temperature",
        ("Set the temperature of a room.", "Set the thermostat", "Heat a room to a temperature.", "Change the temperature in a room"),
        (Param("temperature temperature degrees temp target value", "number", lambda s: s.rng.choice((s.rng.randrange(12, 30), s.rng.randrange(12, 30) + 0.5)), ("Degrees", "Target temperature", "In Celsius")),
         Param("room room zone place area", "string", words_of(w.ROOMS), ("The room", "Which room", "Name of the room"))),
        ("Set the {1} to {0} degrees.", "Set the thermostat in the {1} to {0}.", "Make the {1} {0} degrees.", "Heat the {1} to {0}.", "{1} {0} degrees",
         "Turn the heating in the {1} to {0}.", "I want {0} degrees in the {1}.", "Change the temperature in the {1} to {0}.", "Put the {1} at {0} degrees.",
         "Could you set the {1} to {0}?", "set {1} temperature {0}"),
        done("{1} set to {0}", "The {1} is set to {0} degrees."),
    ),
    Concept(
        "set_reminder remind reminder add_reminder create_reminder remind_me setReminder add_todo",
        ("Set a reminder.", "Remind the user of something", "Create a reminder at a time."),
        (Param("text task what message title", "string", words_of(w.TASKS), ("What to remind of", "The task")),
         Param("time when at time date", "string", lambda s: w.clock(s.rng) if s.chance(0.6) else s.word(w.DAYS), ("When", "The time"))),
        ("Remind me to {0} at {1}.", "Set a reminder to {0} for {1}.", "At {1} remind me to {0}.", "I need to {0} at {1}, remind me.", "reminder: {0}, {1}",
         "Don't let me forget to {0} at {1}.", "Can you remind me to {0} at {1}?"),
        done("Reminder set.", "I will remind you to {0} at {1}."),
    ),
    Concept(
        "translate translate_text translator translateText to_language translation",
        ("Translate a text.", "Translate text into a language", "Translates."),
        (string_param("text text phrase sentence content", words_of(w.PHRASES), "The text", "Text to translate"),
         string_param("language target_language to lang target language", words_of(w.LANGUAGES), "Target language", "The language")),
        ("Translate {0} into {1}.", "Translate '{0}' to {1}.", "How do you say {0} in {1}?", "What is {0} in {1}?", 'Translate "{0}" into {1}.', "{0} in {1}",
         "Say {0} in {1}.", "Put {0} into {1}.", "I need {0} in {1}."),
        simple("translation", lambda s: f"{w.syllables(s.rng)} {w.syllables(s.rng)}", "{v}", "In {1} it is: {v}"),
    ),
    Concept(
        "find_flights search_flights flights book_flight flight_search getFlights list_flights",
        ("Find flights between two cities.", "Search flights", "Flights from one city to another."),
        (Param("origin from source departure from_city start", "string", text_of(w.place), ("Departure city", "From")),
         Param("destination to target arrival to_city end", "string", text_of(w.place), ("Arrival city", "To")),
         Param("date day when date travel_date", "string", text_of(w.date), ("Date of travel", "The day"))),
        ("Find flights from {0} to {1} on {2}.", "I want to fly from {0} to {1} on {2}.", "flights {0} to {1} {2}", "Fly me to {1} from {0} on {2}.",
         "Are there flights from {0} to {1} on {2}?", "Search a flight to {1} leaving {0} on {2}.", "On {2} I need to get from {0} to {1}.",
         "What flights go from {0} to {1} on {2}?"),
        simple("flight", lambda s: f"{s.one_of(('TP', 'LH', 'BA', 'AF', 'KL'))}{s.rng.randrange(100, 2000)}", "Flight {v}", "There is flight {v} from {0} to {1}."),
        required=2,
    ),
    Concept(
        "stock_price get_stock stock quote get_quote stockPrice share_price ticker",
        ("Price of a stock.", "Get a stock quote", "Share price of a company."),
        (Param("ticker symbol company stock name", "string", lambda s: s.word(w.TICKERS if s.chance(0.4) else w.COMPANIES), ("Ticker or company", "The stock")),),
        ("What's the stock price of {0}?", "How is {0} stock doing?", "{0} stock", "What is {0} trading at?", "share price of {0}", "Get me a quote for {0}.",
         "How much is a share of {0}?", "Look up the {0} stock price."),
        simple("price", lambda s: w.decimal(s.rng), "{v}", "{0} is at {v}."),
    ),
    Concept(
        "check_stock inventory in_stock stock_level availability get_inventory checkStock items_left",
        ("How many of a product are in stock.", "Check inventory", "Stock level of an item."),
        (Param("product item product article name", "string", product, ("The product", "Item name")),),
        ("Is the {0} in stock?", "How many {0} are left?", "Do you have the {0} in stock?", "stock of {0}", "Check the inventory for {0}.", "Is the {0} available?",
         "How many {0} do we have?", "Any {0} left?"),
        simple("stock", lambda s: s.rng.randrange(0, 500), "{v} in stock", "There are {v} of the {0} in stock."),
    ),
    Concept(
        "get_distance distance distance_between how_far getDistance route_length measure_distance",
        ("Distance between two cities.", "How far two places are apart", "Get the distance in km."),
        (Param("origin a from start city1 place_a", "string", text_of(w.place), ("First city", "From")),
         Param("destination b to end city2 place_b", "string", text_of(w.place), ("Second city", "To"))),
        ("How far is it from {0} to {1}?", "distance {0} {1}", "What is the distance between {0} and {1}?", "How many km from {0} to {1}?",
         "How far is {0} from {1}?", "How far apart are {0} and {1}?", "Tell me the distance from {0} to {1}."),
        simple("distance", lambda s: s.rng.randrange(5, 18000), "{v} km", "It is {v} km from {0} to {1}."),
    ),
    Concept(
        "find_contact get_contact contact lookup_contact phone_book get_phone find_person getContact phone_number",
        ("Find somebody's phone number.", "Look up a contact", "Get the phone number of a person."),
        (NAME,),
        ("What's {0}'s phone number?", "How do I reach {0}?", "Find the number of {0}.", "Look up {0} in my contacts.", "phone number of {0}", "{0} phone",
         "I want to call {0}, what's the number?", "Get me {0}'s number."),
        simple("phone", lambda s: w.phone(s.rng), "{v}", "The number of {0} is {v}."),
    ),
    Concept(
        "get_email find_email email_of lookup_email getEmail email_address address_of",
        ("Find somebody's e-mail address.", "Look up an e-mail address", "Get the mail address of a person."),
        (NAME,),
        ("What's {0}'s email?", "What is the e-mail address of {0}?", "email of {0}", "Find {0}'s mail address.", "How can I mail {0}?", "Look up the email of {0}."),
        simple("email", lambda s: w.email(s.rng, s.held), "{v}", "The e-mail of {0} is {v}."),
    ),
    Concept(
        "book_table reserve_table make_reservation bookTable restaurant_booking reserve",
        ("Book a table at a restaurant.", "Reserve a table", "Make a restaurant reservation."),
        (Param("restaurant name place venue", "string", text_of(lambda r, h: w.invented_name(r)), ("Restaurant name", "Where")),
         integer_param("people guests party_size persons seats", 1, 16, "Number of people", "How many guests"),
         Param("time when at hour", "string", text_of(w.clock), ("Time", "When"))),
        ("Book a table at {0} for {1} people at {2}.", "Reserve a table for {1} at {0} at {2}.", "Table for {1} at {0}, {2}", "I want to eat at {0} at {2} with {1} people.",
         "Get us a table at {0} for {1} at {2}.", "We are {1}, book {0} for {2}."),
        simple("booking", lambda s: w.identifier(s.rng), "Booked, reference {v}", "Booked at {0}; the reference is {v}."),
    ),
    Concept(
        "turn_on_light set_light lights switch_light toggle_light setLight control_light lamp",
        ("Switch a light on or off.", "Control the light of a room", "Set whether a light is on."),
        (Param("room room place where", "string", words_of(w.ROOMS), ("The room", "Which room")),
         Param("on on state enabled is_on", "boolean", lambda s: s.chance(0.5), ("Whether it is on", "true for on"))),
        ("Turn {1} the light in the {0}.", "Switch {1} the {0} light.", "{0} light {1}", "Turn the {0} light {1}.", "Lights {1} in the {0}.", "Please put the {0} lamp {1}."),
        done("ok", "The light in the {0} is switched."),
    ),
    Concept(
        "play_music play play_song music playMusic start_music",
        ("Play a song.", "Play music", "Starts a song by its title."),
        (Param("song title track name", "string", lambda s: f"{capital(s.word(w.ADJECTIVES))} {capital(s.word(w.NOUNS))}", ("Title", "The song")),),
        ("Play {0}.", "play the song {0}", "I want to hear {0}.", "Put on {0}.", "Can you play {0}?", "Start {0}.", "Let me listen to {0}."),
        done("Playing {0}", "I am playing {0}."),
    ),
    Concept(
        "convert_units unit_converter convert convertUnits convert_unit",
        ("Convert between units.", "Unit conversion", "Convert a value to another unit."),
        (number_param("value amount quantity number", "The value"),
         string_param("from_unit unit source from", words_of(w.UNITS), "Unit to convert from"),
         string_param("to_unit target to into", words_of(w.UNITS), "Unit to convert to")),
        ("Convert {0} {1} to {2}.", "How many {2} are {0} {1}?", "{0} {1} in {2}", "What is {0} {1} in {2}?", "{0} {1} to {2}"),
        simple("value", lambda s: w.decimal(s.rng), "{v}", "{0} {1} is {v} {2}."),
    ),
    Concept(
        "add_to_cart buy order_item place_order addToCart purchase order_product",
        ("Put a product in the cart.", "Order a product", "Buy some of an item."),
        (Param("product item article name", "string", product, ("The product", "What to order")),
         integer_param("quantity count amount number qty", 1, 40, "How many", "The quantity")),
        ("Add {1} {0} to my cart.", "Buy {1} {0}.", "Order {1} {0}.", "I want {1} {0}.", "I'd like to order {1} {0}.", "{1} {0}", "Put {1} {0} in the cart.", "Get me {1} {0}."),
        done("Added.", "I ordered {1} {0}."),
        required=2,
    ),
    Concept(
        "roll_dice dice roll throw_dice rollDice random_roll",
        ("Roll dice.", "Roll a number of dice", "Throw dice and return the sum."),
        (integer_param("count dice n number", 1, 10, "How many dice"),),
        ("Roll {0} dice.", "Throw {0} dice.", "roll {0} dice", "Can you roll {0} dice for me?"),
        simple("total", lambda s: s.rng.randrange(1, 60), "{v}", "You rolled {v}."),
    ),
    Concept(
        "capital_of get_capital capital country_capital getCapital",
        ("Capital of a country.", "Get the capital city", "Look up a country's capital."),
        (Param("country nation name", "string", words_of(w.COUNTRIES), ("The country", "Country name")),),
        ("What is the capital of {0}?", "capital of {0}", "Which city is the capital of {0}?", "What's {0}'s capital?", "Tell me the capital of {0}."),
        simple("capital", lambda s: w.place(s.rng, s.held), "{v}", "The capital of {0} is {v}."),
    ),
    Concept(
        "get_balance balance account_balance check_balance getBalance",
        ("Balance of an account.", "Get the account balance", "How much money is in an account."),
        (string_param("account account_id id account_number", text_of(lambda r, h: w.identifier(r)), "The account", "Account number"),),
        ("What's the balance of account {0}?", "How much is in account {0}?", "balance {0}", "Check the balance of {0}.", "How much money is left in {0}?"),
        simple("balance", lambda s: w.decimal(s.rng), "{v}", "The balance of {0} is {v}."),
    ),
    Concept(
        "get_date today current_date today_date getDate what_day now get_current_time",
        ("Today's date.", "Get the current date", "What day it is.", "Current date and time"),
        (),
        ("What day is it?", "What's the date[ today|]?", "What is today's date?", "Which day is today?", "Tell me the date.", "today's date", "Do you know what day it is?",),
        simple("date", lambda s: w.date(s.rng), "{v}", "It is {v}."),
    ),
    Concept(
        "list_files files ls show_files listFiles list_directory",
        ("List the files.", "Show all files", "Names of the files in the folder."),
        (),
        ("List [the|my|all] files.", "Which files are there?", "What files do I have?", "show files", "Show me the files."),
        simple("files", lambda s: [f"{w.syllables(s.rng)}.txt" for _ in range(2)], "{v}", "The files are {v}."),
    ),
    Concept(
        "read_file open_file get_file cat readFile load_file file_content",
        ("Read a file.", "Get the content of a file", "Returns the text of a file."),
        (Param("path file filename name", "string", lambda s: f"{s.word(w.NOUNS).replace(' ', '_')}.{s.one_of(('txt', 'md', 'csv', 'json', 'py'))}", ("The path", "File name")),),
        ("Read {0}.", "What's in {0}?", "Open {0}.", "Show me {0}.", "What does {0} say?", "read the file {0}", "Print the content of {0}."),
        simple("text", lambda s: f"{capital(s.word(w.ADJECTIVES))} {s.word(w.NOUNS)}", "{v}", "{0} says: {v}"),
    ),
)
