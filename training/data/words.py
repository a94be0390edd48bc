"""The words nano is taught with, and the one rule that keeps some of them back.

Every list is a `Pool`: nine words in ten are for training, the tenth, chosen by a hash
of the word itself, is used by the evaluation only. The rule has to hold everywhere (a
word that leaks through one list is no longer unseen), so nothing outside this module
picks from a raw list. Made-up values (names of syllables, identifiers, numbers, mail
addresses) come from the makers below; the evaluation draws those afresh.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from training.data import lists, texts

if TYPE_CHECKING:
    from random import Random

MORE = 0.6
"""Share of the words that come from the longer list, where there is one."""


def is_held_out(text: str) -> bool:
    """Whether `text` belongs to the tenth that training never sees."""
    return zlib.crc32(text.lower().encode()) % 10 == 3


@dataclass(frozen=True, slots=True)
class Pool:
    """A list of words in its two parts: for training, and held out from it.

    `more` is a longer list of the same kind, which most picks come from (`MORE`);
    `closed` is a class that invented words can't belong to, such as units.
    """

    train: tuple[str, ...]
    held: tuple[str, ...]
    more: Pool | None = None
    closed: bool = False

    @classmethod
    def of(
        cls, text: str, separator: str | None = None, *, closed: bool = False
    ) -> Pool:
        """Split `text` at `separator` (white space if none); `_` stands for a space."""
        words = [word.strip().replace("_", " ") for word in text.split(separator)]
        words = list(dict.fromkeys(word for word in words if word))
        held = tuple(word for word in words if is_held_out(word))
        train = tuple(word for word in words if not is_held_out(word))
        return cls(train, held or train, closed=closed)

    def pick(self, rng: Random, held: bool = False) -> str:
        """One word, from the part held out if `held`."""
        if self.more is not None and rng.random() < MORE:
            return self.more.pick(rng, held)
        part = self.held if held else self.train
        return part[int(rng.random() * len(part))]

    def __add__(self, other: Pool) -> Pool:
        return Pool(self.train + other.train, self.held + other.held, self.more)

    def and_more(self, *entries: str) -> Pool:
        """This list with a longer one behind it, a line of `entries` each.

        Training gets no entry that has a word held out in it ("Santa Maria").
        """
        more = Pool.of("\n".join(entries), "\n")
        parts = re.compile(r"[^\W\d_][^\WA-Z\d_]*")
        free = tuple(
            t for t in more.train if not any(map(is_held_out, parts.findall(t)))
        )
        return replace(self, more=replace(more, train=free))

    def all_of(self, *, held: bool) -> tuple[str, ...]:
        """Every word of one part, the longer list's too."""
        own = self.held if held else self.train
        return own + (self.more.all_of(held=held) if self.more else ())


CITIES = Pool.of("""
Lisbon Porto Madrid Barcelona Seville Valencia Bilbao Paris Lyon Marseille Nice Bordeaux
Toulouse Nantes Berlin Munich Hamburg Cologne Frankfurt Dresden Leipzig Stuttgart Bremen
Vienna Graz Salzburg Linz Zurich Geneva Basel Bern Lausanne Rome Milan Naples Turin
Venice Florence Bologna Genoa Verona Palermo Athens Patras Istanbul Ankara Izmir London
Manchester Liverpool Leeds Bristol Oxford Cambridge York Edinburgh Glasgow Cardiff
Belfast Dublin Cork Galway Amsterdam Rotterdam Utrecht Brussels Antwerp Ghent Bruges
Luxembourg Copenhagen Aarhus Odense Oslo Bergen Trondheim Stavanger Stockholm Gothenburg
Malmo Uppsala Helsinki Turku Tampere Tallinn Riga Vilnius Kaunas Warsaw Krakow Gdansk
Lodz Poznan Prague Brno Bratislava Budapest Debrecen Bucharest Cluj Sofia Plovdiv Varna
Belgrade Zagreb Split Ljubljana Sarajevo Skopje Tirana Kyiv Lviv Odessa Minsk Moscow
Kazan Tbilisi Yerevan Baku Reykjavik Valletta Nicosia Cairo Alexandria Casablanca Rabat
Tunis Algiers Lagos Abuja Accra Dakar Nairobi Mombasa Kampala Kigali Lusaka Harare
Johannesburg Durban Pretoria Maputo Luanda Windhoek Dubai Doha Riyadh Muscat Amman
Beirut Damascus Baghdad Tehran Jerusalem Haifa Karachi Lahore Delhi Mumbai Bangalore
Chennai Kolkata Hyderabad Pune Jaipur Goa Kathmandu Dhaka Colombo Bangkok Phuket Hanoi
Saigon Manila Cebu Jakarta Bali Singapore Kuala_Lumpur Penang Hong_Kong Taipei Shanghai
Beijing Shenzhen Chengdu Wuhan Nanjing Tokyo Osaka Kyoto Nagoya Sapporo Fukuoka Kobe
Seoul Busan Incheon Ulaanbaatar Tashkent Almaty Sydney Melbourne Brisbane Perth Adelaide
Canberra Hobart Darwin Auckland Wellington Christchurch Suva New_York Boston Chicago
Houston Dallas Austin Denver Phoenix Seattle Portland Miami Atlanta Orlando Tampa
Philadelphia Pittsburgh Detroit Cleveland Baltimore Nashville Memphis Omaha Tucson
San_Diego San_Francisco Los_Angeles Las_Vegas Salt_Lake_City Kansas_City New_Orleans
Washington Sacramento Honolulu Anchorage Toronto Montreal Vancouver Ottawa Calgary
Edmonton Winnipeg Halifax Quebec Mexico_City Cancun Guadalajara Havana Kingston Panama
Bogota Medellin Cali Quito Lima Cusco La_Paz Santiago Valparaiso Buenos_Aires Cordoba
Rosario Mendoza Montevideo Asuncion Caracas Rio_de_Janeiro Sao_Paulo Brasilia Salvador
Recife Fortaleza Manaus Curitiba
""").and_more(lists.cities())

COUNTRIES = Pool.of("""
Portugal Spain France Germany Austria Switzerland Italy Greece Turkey England Scotland
Wales Ireland Netherlands Belgium Denmark Norway Sweden Finland Estonia Latvia Lithuania
Poland Czechia Slovakia Hungary Romania Bulgaria Serbia Croatia Slovenia Bosnia Albania
Ukraine Belarus Russia Georgia Armenia Iceland Malta Cyprus Egypt Morocco Tunisia Algeria
Nigeria Ghana Senegal Kenya Uganda Rwanda Zambia Zimbabwe Mozambique Angola Namibia
Botswana Ethiopia Sudan Mali Chad Qatar Oman Jordan Lebanon Syria Iraq Iran Israel
Pakistan India Nepal Bhutan Bangladesh Thailand Laos Cambodia Vietnam Philippines
Indonesia Malaysia Singapore China Taiwan Japan Korea Mongolia Australia Fiji Canada
Mexico Cuba Jamaica Haiti Belize Guatemala Honduras Nicaragua Colombia Ecuador Peru
Bolivia Chile Argentina Uruguay Paraguay Venezuela Brazil Kazakhstan Madagascar
""")

FIRST_NAMES = Pool.of("""
Anna Maria Ana Sofia Laura Julia Emma Olivia Ava Mia Isla Ella Amelia Grace Chloe Lily
Ruby Lucy Alice Clara Nora Eva Ida Ines Irene Elena Helena Carla Paula Marta Rosa Lucia
Carmen Pilar Teresa Beatriz Joana Rita Diana Sara Sarah Hannah Leah Rachel Rebecca Ruth
Naomi Miriam Esther Judith Martha Mary Jane Joan Jean June Kate Katie Karen Kim Kelly
Linda Lisa Nancy Betty Carol Donna Susan Sandra Sharon Pamela Patricia Barbara Dorothy
Margaret Helen Edith Ethel Florence Ingrid Astrid Freya Greta Heidi Petra Ursula Monika
Katja Anja Tanja Nadia Natalia Olga Irina Svetlana Tatiana Vera Zoe Yuki Aiko Hana Keiko
Naoko Mei Lin Ling Xiao Priya Anita Deepa Lakshmi Meera Neha Nisha Pooja Asha Kavita
Amina Fatima Leila Layla Zahra Yasmin Noor Salma Samira Aisha Zainab Chiara Giulia
Francesca Bianca Valentina Camila Daniela Gabriela Mariana Juliana Fernanda Adriana
Simone Celine Amelie Margot Colette Elise Juliette Louise Camille Manon Elodie Sylvie
Tom Thomas Tim Ben Sam Max Leo Jack Harry George Charlie Oscar Alfie Henry Arthur Noah
Oliver Liam Ethan Lucas Mason Logan James John Robert Michael William David Richard
Joseph Daniel Matthew Anthony Mark Donald Steven Paul Andrew Joshua Kevin Brian Edward
Ronald Jason Jeff Ryan Jacob Gary Nick Eric Stephen Larry Justin Scott Brandon Frank
Greg Ray Alex Patrick Dennis Jerry Tyler Aaron Adam Nathan Zachary Peter Kyle Walter
Harold Jeremy Carl Keith Roger Gerald Sean Austin Arnold Ralph Roy Louis Philip Bruno
Carlos Diego Felipe Fernando Hugo Ivan Javier Jorge Jose Juan Luis Manuel Miguel Pablo
Pedro Rafael Raul Ricardo Roberto Sergio Tiago Joao Andre Antoine Bernard Claude Denis
Etienne Gilles Henri Jacques Laurent Marcel Olivier Pascal Pierre Rene Thierry Yves Anders
Bjorn Erik Gustav Hans Henrik Jens Johan Karl Lars Magnus Nils Olaf Per Sven Dieter Fritz
Gunther Heinz Jurgen Klaus Manfred Otto Rolf Uwe Werner Wolfgang Boris Dmitri Igor Mikhail
Nikolai Oleg Pavel Sergei Viktor Vladimir Yuri Akira Hiroshi Kenji Takeshi Haruto Wei Jun
Chen Tao Arjun Rahul Raj Sanjay Vijay Amit Anil Deepak Ahmed Ali Hassan Omar Yusuf Khalid
Karim Tariq Kofi Kwame Chidi Emeka Tunde Sipho Jabari Luca Marco Matteo Paolo Enzo Giorgio
""").and_more(lists.first_names())

SURNAMES = Pool.of("""
Smith Jones Taylor Brown Williams Wilson Johnson Davies Evans Walker White Roberts Green
Hall Wood Jackson Clarke Harris Lewis Clark Young Allen King Wright Scott Adams Baker
Hill Nelson Carter Mitchell Turner Phillips Campbell Parker Edwards Collins Stewart
Morris Rogers Reed Cook Morgan Bell Murphy Bailey Cooper Richardson Cox Howard Ward
Peterson Gray Watson Brooks Bennett Hughes Price Myers Foster Sanders Ross Powell
Sullivan Russell Jenkins Perry Butler Barnes Fisher Henderson Coleman Simmons Patterson
Jordan Reynolds Hamilton Graham Wallace West Cole Hayes Bryant Gibson Ellis Stevens
Murray Ford Marshall Owens Harrison Kennedy Wells Woods Porter Hunter Hunt Dixon Stone
Silva Santos Ferreira Pereira Oliveira Costa Rodrigues Martins Sousa Fernandes Garcia
Martinez Lopez Gonzalez Perez Sanchez Ramirez Torres Flores Rivera Gomez Diaz Cruz Reyes
Morales Ortiz Gutierrez Chavez Ramos Ruiz Mendoza Castillo Romero Herrera Medina Aguilar
Vargas Castro Rossi Russo Ferrari Bianchi Romano Colombo Ricci Marino Greco Conti Gallo
Dubois Moreau Laurent Simon Michel Lefevre Leroy Roux Fournier Girard Bonnet Lambert
Muller Schmidt Schneider Fischer Weber Meyer Wagner Becker Schulz Hoffmann Koch Richter
Klein Wolf Schroder Neumann Schwarz Zimmermann Braun Kruger Hartmann Lange Krause Lehmann
Andersen Hansen Jensen Larsen Nielsen Olsen Johansson Lindberg Karlsson Nilsson Eriksson
Berg Dahl Haugen Virtanen Korhonen Nowak Kowalski Wozniak Novak Dvorak Horvath Kovacs
Nagy Popescu Ivanov Petrov Sokolov Volkov Popov Tanaka Suzuki Sato Watanabe Ito Yamamoto
Nakamura Kobayashi Kim Park Choi Wang Zhang Liu Huang Zhou Patel Singh Kumar Sharma Gupta
Khan Ahmed Rahman Hassan Okafor Mensah Diallo Abebe Haddad Nasser
""").and_more(lists.surnames())

PRODUCTS = Pool.of("""
laptop phone tablet monitor keyboard mouse printer camera headphones speaker microphone
charger cable router webcam projector scanner drone watch television lamp desk chair sofa
table bed mattress pillow blanket curtain carpet mirror shelf wardrobe drawer bookcase
stool bench kettle toaster blender oven microwave fridge freezer dishwasher vacuum fan
heater iron mixer juicer grill pan pot knife fork spoon plate bowl cup mug glass bottle
jug tray jar basket bucket broom mop sponge soap shampoo towel brush comb razor toothbrush
candle clock vase frame poster notebook pen pencil marker eraser ruler stapler folder
envelope calendar backpack suitcase wallet purse handbag umbrella sunglasses hat cap scarf
gloves belt jacket coat sweater hoodie shirt t-shirt blouse dress skirt jeans trousers
shorts socks shoes boots sandals sneakers slippers ring necklace bracelet earrings bicycle
helmet scooter skateboard tent sleeping_bag rope compass flashlight binoculars kayak
paddle surfboard skis snowboard racket football basketball tennis_ball dumbbell yoga_mat
treadmill guitar piano violin drum flute trumpet ukulele book puzzle board_game doll
teddy_bear kite ball toy_car hammer screwdriver drill saw wrench pliers ladder toolbox nail
screw paint paintbrush sandpaper shovel rake hose wheelbarrow lawn_mower flower_pot seeds
coffee tea sugar flour rice pasta bread butter cheese milk yogurt honey jam chocolate
cookies crackers olive_oil vinegar salt pepper apples bananas oranges lemons grapes
strawberries tomatoes potatoes carrots onions garlic mushrooms batteries light_bulb
coffee_machine desk_lamp phone_case water_bottle garden_chair rain_jacket gift_card
usb_stick hard_drive graphics_card power_bank air_purifier baby_stroller wool_blanket
""").and_more(lists.english("noun"))

COLOURS = Pool.of("""
red blue green yellow orange purple pink brown black white grey silver gold beige navy
teal turquoise violet maroon olive cyan magenta ivory crimson amber indigo lavender coral
scarlet mint peach mustard khaki charcoal turmeric rust plum lilac mauve burgundy bronze
copper cream salmon apricot emerald jade ruby sapphire cobalt azure ochre sand chestnut
hazel tan slate pearl rose lemon lime aubergine cherry sky_blue dark_green light_grey
pale_yellow bright_red deep_purple navy_blue
""")

ANIMALS = Pool.of("""
dog cat horse cow pig sheep goat rabbit hamster parrot canary goldfish turtle snake lizard
frog duck goose hen rooster owl eagle falcon crow swan penguin dolphin whale shark seal
otter beaver fox wolf bear lion tiger leopard elephant giraffe zebra monkey gorilla panda
koala kangaroo camel llama donkey mule deer moose hedgehog squirrel mouse rat bat bee ant
butterfly spider crab lobster octopus
ferret gerbil guinea_pig chinchilla budgie cockatoo macaw newt toad gecko iguana chameleon
tortoise terrapin eel carp trout salmon pike heron stork pelican puffin gull raven magpie
robin sparrow finch pigeon dove peacock turkey pheasant partridge badger weasel mole
shrew lynx puma jaguar cheetah hyena jackal bison buffalo yak antelope gazelle hippo rhino
tapir sloth armadillo anteater lemur baboon chimpanzee orangutan wombat platypus emu
ostrich vulture walrus beetle cricket moth wasp snail worm jellyfish shrimp
""")

JOBS = Pool.of("""
teacher doctor nurse lawyer engineer architect plumber electrician carpenter painter
baker butcher chef waiter driver pilot sailor farmer gardener florist tailor hairdresser
barber dentist surgeon pharmacist vet scientist chemist physicist biologist geologist
astronomer mathematician economist accountant banker cashier salesman manager director
secretary journalist editor writer poet translator librarian historian photographer
designer programmer analyst musician singer dancer actor sculptor potter jeweller
watchmaker mechanic welder miner fisherman firefighter detective judge mayor postman
cleaner receptionist consultant researcher professor tutor coach
""").and_more(lists.jobs())

HOBBIES = Pool.of("""
chess painting sailing cycling hiking swimming running climbing fishing knitting sewing
gardening cooking baking reading writing photography pottery archery fencing judo karate
tennis golf rugby cricket rowing skiing surfing dancing singing yoga astronomy origami
birdwatching woodwork calligraphy juggling magic poker drawing
skating snowboarding sketching embroidery quilting beekeeping geocaching kayaking canoeing
rafting bowling darts billiards backgammon crosswords sudoku genealogy stargazing
model_trains carpentry weaving crochet ballet salsa tango drumming whittling foraging
winemaking brewing pilates boxing wrestling badminton squash table_tennis volleyball polo
orienteering parkour blogging vlogging filmmaking scrapbooking
""")

SUBJECTS = Pool.of("""
history physics chemistry biology geography music art maths economics philosophy law
medicine engineering literature linguistics psychology sociology astronomy geology
computer_science statistics politics theology archaeology
botany zoology anatomy nursing dentistry pharmacy architecture civil_engineering design
fashion journalism media_studies film drama dance anthropology criminology ethics logic
classics Latin Greek French German algebra geometry calculus finance marketing accounting
business tourism nutrition veterinary_science forestry oceanography meteorology ecology
genetics robotics
""")

LANGUAGES = Pool.of("""
English French Spanish German Italian Portuguese Dutch Swedish Norwegian Danish Finnish
Polish Czech Hungarian Romanian Greek Turkish Arabic Hebrew Hindi Bengali Urdu Thai
Vietnamese Japanese Korean Chinese Russian Ukrainian Swahili Irish Welsh Latin
""")

MONTHS = Pool.of("""
January February March April May June July August September October November December
""", closed=True)
DAYS = Pool.of("Monday Tuesday Wednesday Thursday Friday Saturday Sunday", closed=True)
CURRENCIES = Pool.of("USD EUR GBP JPY CHF CAD AUD SEK NOK DKK PLN CZK INR CNY BRL MXN", closed=True)
MONEY = Pool.of(
    "dollars euros pounds yen francs rupees pesos kroner dollar euro pound yuan reais",
    closed=True,
)
UNITS = Pool.of("kg grams miles km metres litres pounds feet inches cm hours minutes", closed=True)
ROOMS = Pool.of("""
living_room bedroom kitchen bathroom hallway office garage attic basement nursery
dining_room guest_room study library lobby garden
conservatory pantry cellar utility_room playroom hall landing loft den sunroom
laundry_room music_room cloakroom porch balcony terrace workshop gym server_room
meeting_room waiting_room canteen reception storeroom greenhouse shed boiler_room
main_bedroom back_room classroom corridor lounge
""")
MATERIALS = Pool.of("""
wood steel glass leather cotton wool plastic aluminium bamboo ceramic silk rubber brass
copper marble stone linen oak pine paper
iron gold silver clay concrete cork felt denim velvet nylon leatherette granite slate
wicker cardboard foam zinc tin titanium porcelain jute hemp straw walnut maple ash birch
cedar beech mahogany resin wax cashmere
""")
RIVERS = Pool.of("""
Arno Tavor Lenne Ister Morva Duero Soane Kelder Brenta Oskar Wye Tamar Lune Severn Derwent
Elster Neisse Sava Drina Loire Rhone Tagus Ebro Minho Vistula Oder Weser Clyde Tweed
Aller Alne Arda Bann Boyne Cam Dart Dee Don Ems Esk Eden Exe Fal Gauja Iller Inn Isar Kama
Lahn Lech Leven Maas Main Mersey Meuse Mosel Mur Nera Nith Orne Otter Ouse Piave Po Regen
Ruhr Saale Sambre Soar Spey Stour Struma Sura Tees Test Thaya Thur Tiber Tisza Trent Tyne
Ure Vah Vltava Volga Warta Wear Wensum Werra Yare
""")
FOODS = Pool.of("""
pizza soup salad bread cheese honey olives wine cider sausages pancakes dumplings
chocolate ice_cream oysters lamb_stew apple_pie plum_cake saffron lavender cherries
noodles curry tacos porridge pickles marmalade truffles
""").and_more(lists.foods())
STREETS = Pool.of("""
High_Street Mill_Lane Station_Road Church_Street Park_Avenue King_Street Queen_Street
Market_Square Harbour_Road Bridge_Street Oak_Avenue Elm_Street Garden_Lane River_Road
Castle_Street Green_Lane School_Road North_Street South_Street Victoria_Road Lake_Drive
Forest_Road Hill_Street Main_Street Maple_Drive Cedar_Avenue Rose_Lane
""").and_more(lists.streets())
VENUES = Pool.of("""
town_hall library museum theatre stadium park church school gym cinema harbour castle
concert_hall opera_house art_gallery market_hall city_garden sports_centre old_mill
railway_station community_centre university hotel
swimming_pool ice_rink planetarium aquarium zoo botanical_garden courthouse police_station
fire_station post_office bank café bakery bookshop pub winery brewery lighthouse pier
boathouse windmill observatory chapel cathedral monastery palace manor_house farmhouse
barn greenhouse campsite youth_hostel sports_hall velodrome racecourse bus_station airport
ferry_terminal clinic hospital pharmacy kindergarten playground bandstand
""")
EVENTS = Pool.of("""
concert conference workshop meeting festival exhibition lecture wedding party marathon
fair auction parade tournament seminar training_day picnic book_club summit ceremony
webinar dinner film_night quiz_night jazz_evening science_day open_day
hackathon reunion retreat fundraiser charity_run flea_market street_party carnival
fireworks barbecue tasting matinee recital open_mic poetry_slam debate forum panel
symposium congress trade_show launch_party housewarming graduation christening anniversary
prize_giving regatta derby tombola bake_sale craft_fair car_boot_sale plant_sale treasure_hunt
escape_game board_meeting town_meeting hearing vigil pilgrimage
""")
COMPANY_TAILS = Pool.of("""
Ltd Inc Group Labs Systems Foods Motors Energy Bank Press Studios Robotics Airlines
Software Media Health Logistics Partners Works Textiles Tools Optics Marine Solar
""")
COMPANIES = Pool.of("""
Apple Google Microsoft Amazon Tesla Nvidia Intel Samsung Sony Toyota Honda Siemens Nestle
Adidas Nike Ikea Lego Spotify Netflix Adobe Oracle Cisco Boeing Airbus Shell Pfizer Bayer
Volvo Nokia Ericsson Philips Unilever Danone Zara Visa Walmart Target Costco Starbucks
""")
TICKERS = Pool.of("AAPL GOOG MSFT AMZN TSLA NVDA INTC SONY NKE ADBE ORCL CSCO BA NFLX", closed=True)
DEPARTMENTS = Pool.of("""
sales marketing finance legal support research design engineering logistics security
production quality purchasing training accounting operations
sourcing payroll recruitment public_relations procurement compliance
customer_service warehouse facilities maintenance analytics strategy product planning
communications editorial audit insurance claims testing infrastructure data_science
catering reception transport exports safety archives
""")
WEATHER = Pool.of("""
sunny cloudy rainy windy snowy foggy stormy clear overcast humid dry hazy freezing mild
hot cold warm partly_cloudy light_rain heavy_rain thunderstorms drizzle
showers hail sleet blizzard breezy muggy icy frosty sunny_spells dull_and_grey scorching
chilly calm gusty bright drizzly misty sultry cool thundery gales
""")
STATUSES = Pool.of("""
shipped delivered pending cancelled processing returned delayed packed paid refunded
open closed active blocked ready on_hold in_transit approved rejected expired out_for_delivery
confirmed queued waiting_for_payment picked_up lost damaged under_review archived draft
scheduled started finished paused escalated resolved failed verified reopened complete
partly_shipped back_ordered at_customs ready_for_pickup being_packed suspended renewed
""")
ADJECTIVES = Pool.of("""
small large old new long short heavy light fast slow quiet loud bright dark warm cold soft
hard round square thin thick cheap fine rare common simple plain strong weak clean early
late modern ancient narrow wide deep famous local public private spare broken empty full
""").and_more(lists.english("adjective"))
NOUNS = Pool.of("""
house door window garden river bridge tower road forest mountain lake island harbour
market village school office factory farm station airport hospital church castle museum
hotel garage train bus boat ship plane truck car engine wheel key lock letter parcel
ticket report picture story song game team club family friend child neighbour guest
customer plan project budget contract invoice meeting lesson question answer idea problem
rule price number code name address date hour week month year winter summer spring autumn
morning evening night rain snow wind storm cloud sun moon star stone sand water fire
""").and_more(lists.english("noun"))
TOPICS = Pool.of("""
solar_panels electric_cars healthy_recipes jazz_music space_travel black_holes
garden_birds home_insurance cheap_flights running_shoes python_tutorials world_history
climate_change deep_sea_fish board_games coffee_brewing train_tickets mountain_bikes
indoor_plants sourdough_bread chess_openings wedding_dresses tax_rules film_reviews
guitar_chords machine_learning vegan_recipes hiking_trails used_cars ancient_rome
best_restaurants local_news football_scores tide_tables bird_migration roman_coins
dinosaur_fossils quantum_physics stock_market water_filters dog_training
""").and_more(*texts.sections("requests")["TOPICS"])
TASKS = Pool.of("""
call_mum buy_milk water_the_plants pay_the_rent feed_the_cat book_a_table walk_the_dog
send_the_report pick_up_the_kids clean_the_kitchen renew_the_passport charge_the_phone
take_out_the_bins buy_a_gift wash_the_car check_the_oven back_up_the_laptop
cancel_the_subscription prepare_the_slides go_to_the_dentist take_my_pills order_pizza
print_the_tickets fix_the_bike return_the_books call_the_bank sign_the_contract
""").and_more(*texts.sections("requests")["TASKS"])
PHRASES = Pool.of("""
good_morning thank_you see_you_tomorrow where_is_the_station how_are_you happy_birthday
I_am_hungry my_name_is_Tom the_bill_please good_night where_is_the_hotel I_love_you
nice_to_meet_you see_you_soon the_train_is_late I_need_a_doctor how_much_is_this
welcome_home best_wishes I_am_lost one_coffee_please the_door_is_open
""").and_more(*texts.sections("requests")["PHRASES"])
MAIL_SUBJECTS = Pool.of("""
Meeting Invoice Lunch Holiday Report Budget Update Reminder Welcome Question Agenda
Contract Party Thanks Hello Schedule Delivery Feedback Invitation Results Team_lunch
Project_update Weekly_report Travel_plans New_offer Monthly_numbers Site_visit
""").and_more(*texts.sections("requests")["SUBJECTS"])
MAIL_BODIES = Pool.of("""
See you at noon|The report is ready|I will be late today|Lunch is at one|Thanks for the help
The meeting moved to Friday|Please call me back|The invoice is attached|We won the contract
Happy birthday|The server is down|Your order has shipped|Can we talk tomorrow
I am out of office|The keys are on the table|Please send the slides|The budget is approved
Training starts on Monday|The flight is at nine|Dinner is at eight|The printer is fixed
""".strip().replace("\n", "|"), "|").and_more(*texts.sections("requests")["BODIES"])

# Halves of tool names and requests nobody taught a concept for (tools.py combines them).
VERBS = Pool.of("""
create delete open close start stop book cancel find count paint check move copy print
send share rename archive restore approve reject assign release lock unlock update remove
add install register schedule reserve order ship return repair clean inspect measure weigh
label pack unpack rotate resize publish merge split sort scan upload download import export
mute pause resume reset refill rent sell buy feed wash deploy build test backup ping sign
stamp verify validate track trace tag flag pin hide show activate disable enable connect
polish brew bake water plant harvest freeze heat cool dim charge tune summon launch
""").and_more(lists.english("verb"))
OBJECTS = Pool.of("""
invoice ticket lamp door account booking room table file folder report device printer
server job task user customer order parcel shipment truck drone robot machine sensor
camera alarm valve pump heater oven fridge garden tree flower field boat train bus bike car
engine battery window curtain photo video song playlist album book page note message
channel group team project budget contract policy claim loan card wallet coupon voucher
badge key locker desk meeting lesson course exam student patient sample recipe menu dish
bottle box crate shelf pallet statue mirror telescope rocket satellite lantern kettle
""").and_more(lists.english("noun"))

_ONSETS = ["b", "c", "d", "f", "g", "h", "j", "k", "l", "m", "n", "p", "r", "s", "t", "v", "w", "z", "br", "cr", "dr", "fl", "gr", "kl", "pr", "qu", "sh", "sk", "st", "th", "tr", "x", "y"]
_NUCLEI = ["a", "e", "i", "o", "u", "a", "e", "i", "o", "u", "ai", "ea", "ee", "ia", "io", "ou"]
_CODAS = ["", "", "", "", "n", "r", "l", "s", "x", "nd", "rt", "th", "m", "k", "sk"]
_TLDS = ["com", "com", "com", "org", "net", "io", "co.uk", "de", "fr", "pt", "eu", "dev", "example"]
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_MIXED = _LETTERS + _LETTERS.lower() + "0123456789"


_LISTS = (CITIES, COUNTRIES, FIRST_NAMES, SURNAMES, PRODUCTS, ANIMALS, JOBS, HOBBIES,
          SUBJECTS, FOODS, VENUES, EVENTS, ADJECTIVES, NOUNS, OBJECTS, VERBS)  # fmt: skip
_BLENDED = [
    word.lower()
    for pool in _LISTS
    for word in pool.all_of(held=False)
    if word.isascii() and word.isalpha() and len(word) > 3
]


_KEPT_BACK = frozenset(
    word.lower()
    for pool in _LISTS
    for word in pool.all_of(held=True)
)


def blend(rng: Random) -> str:
    """The beginning of one word and the end of another, lower-case.

    Whole words, and syllables of a few shapes, can be copied by knowing them. The
    pieces of real words in orders never met can only be copied piece by piece, which is
    what a user's words take.
    """
    while True:
        first, last = rng.choice(_BLENDED), rng.choice(_BLENDED)
        end = last[-rng.randrange(2, len(last)) :]
        word = first[: rng.randrange(2, len(first))] + end
        if not is_held_out(word):
            return word


def syllables(rng: Random, count: int | None = None) -> str:
    """An invented lower-case word: a blend, or `count` syllables (by default 1 to 3)."""
    if rng.random() < 0.5:
        return blend(rng)
    count = count or rng.choice((1, 2, 2, 2, 3))
    while True:
        word = "".join(
            rng.choice(_ONSETS) + rng.choice(_NUCLEI) + (rng.choice(_CODAS) if last else "")
            for last in [False] * (count - 1) + [True]
        )
        if word not in _KEPT_BACK:  # by chance
            return word


def invented_name(rng: Random) -> str:
    """An invented capitalised word of two or three syllables."""
    return syllables(rng, rng.choice((2, 2, 3))).capitalize()


def letters(rng: Random, count: int) -> str:
    """`count` random letters and digits of mixed case."""
    return "".join(rng.choices(_MIXED, k=count))


def identifier(rng: Random) -> str:
    """An identifier of one of the shapes that orders, tickets and accounts have."""
    kind = rng.randrange(9)
    number = rng.randrange(10 ** rng.choice((3, 4, 4, 5, 6)))
    if kind == 0:
        return str(number + 100)
    if kind == 1:
        return f"{''.join(rng.choices(_LETTERS, k=rng.choice((1, 2, 2, 3))))}-{number}"
    if kind == 2:
        return f"{''.join(rng.choices(_LETTERS, k=rng.choice((1, 2, 3))))}{number}"
    if kind == 3:
        return f"{rng.choice(('ORD', 'INV', 'TKT', 'REF', 'ID', 'SKU', 'PO'))}-{number}"
    if kind == 4:
        return letters(rng, rng.choice((4, 5, 6, 8)))
    if kind == 5:
        return f"#{number + 10}"
    if kind == 6:
        return f"{rng.randrange(10, 100)}-{rng.randrange(1000, 10000)}"
    if kind == 7:
        return f"{syllables(rng, 2)}-{rng.randrange(1, 100)}"
    return f"{rng.choice(_LETTERS)}{rng.randrange(10, 1000)}"


def _real(rng: Random, held: bool) -> bool:
    """Whether a name comes from a list: four in five of those the evaluation uses, three
    in five of the training's, since names met before can be known instead of copied."""
    return rng.random() < (0.8 if held else 0.6)


def first_name(rng: Random, held: bool = False) -> str:
    """A first name, real or not (`_real`)."""
    return FIRST_NAMES.pick(rng, held) if _real(rng, held) else invented_name(rng)


def surname(rng: Random, held: bool = False) -> str:
    """A surname, real or not (`_real`)."""
    return SURNAMES.pick(rng, held) if _real(rng, held) else invented_name(rng)


def person(rng: Random, held: bool = False) -> str:
    """A first name and a surname."""
    return f"{first_name(rng, held)} {surname(rng, held)}"


def place(rng: Random, held: bool = False) -> str:
    """A city, real or not (`_real`)."""
    return CITIES.pick(rng, held) if _real(rng, held) else invented_name(rng)


def company(rng: Random, held: bool = False) -> str:
    """A company name made of a surname or an invented word and a tail."""
    head = invented_name(rng) if rng.random() < 0.6 else SURNAMES.pick(rng, held)
    return f"{head} {COMPANY_TAILS.pick(rng, held)}"


def email(rng: Random, held: bool = False) -> str:
    """A mail address."""
    first = first_name(rng, held).lower()
    local = rng.choice(
        (first, first, f"{first}.{surname(rng, held).lower()}", f"{first}{rng.randrange(100)}")
    )
    domain = rng.choice(("example", "mail", "acme", "gmail", syllables(rng, 2)))
    return f"{local}@{domain}.{rng.choice(_TLDS)}"


def remark(rng: Random, held: bool = False) -> str:
    """Something to write to somebody: one of a few sentences, or words in a row, which
    nobody can know and have to be copied to the last."""
    if rng.random() < 0.4:
        return MAIL_BODIES.pick(rng, held)
    lists = (NOUNS, ADJECTIVES, VERBS, OBJECTS, FIRST_NAMES, CITIES, PRODUCTS, FOODS)
    words = [rng.choice(lists).pick(rng, held) for _ in range(rng.randrange(2, 8))]
    if not held and rng.random() < 0.5:
        words[rng.randrange(len(words))] = blend(rng)
    text = " ".join(words)
    return text[:1].upper() + text[1:]


def date(rng: Random, held: bool = False) -> str:
    """A date in one of the usual notations."""
    kind = rng.randrange(6)
    day, year = rng.randrange(1, 29), rng.randrange(1990, 2036)
    month = MONTHS.pick(rng)
    if kind == 0:
        return f"{year}-{rng.randrange(1, 13):02d}-{day:02d}"
    if kind == 1:
        return f"{day} {month} {year}"
    if kind == 2:
        return f"{month} {day}, {year}"
    if kind == 3:
        return f"{day} {month}"
    if kind == 4:
        return f"{month} {day}"
    return f"{day:02d}/{rng.randrange(1, 13):02d}/{year}"


def clock(rng: Random, held: bool = False) -> str:
    """A time of day."""
    hour = rng.randrange(24)
    kind = rng.randrange(3)
    if kind == 0:
        return f"{hour:02d}:{rng.randrange(0, 60, 5):02d}"
    if kind == 1:
        return f"{hour % 12 + 1} {rng.choice(('am', 'pm'))}"
    return f"{hour % 12 + 1}:{rng.randrange(0, 60, 5):02d} {rng.choice(('am', 'pm'))}"


def phone(rng: Random, held: bool = False) -> str:
    """A telephone number."""
    return f"{rng.randrange(100, 1000)}-{rng.randrange(1000, 10000)}"


def integer(rng: Random, held: bool = False) -> int:
    """A whole number, small ones more often."""
    return rng.randrange(1, rng.choice((10, 20, 100, 100, 1000, 10000, 1000000)))


def decimal(rng: Random, held: bool = False) -> float:
    """A number with one or two decimals that prints as it was typed."""
    return round(rng.uniform(0.1, rng.choice((10, 100, 1000))), rng.choice((1, 2)))


def number(rng: Random, held: bool = False) -> int | float:
    """A number: two in three whole."""
    return integer(rng) if rng.random() < 0.65 else decimal(rng)


def grouped(value: int, rng: Random) -> str:
    """`value` as text, with or without thousands separators."""
    return f"{value:,}" if rng.random() < 0.6 else str(value)
