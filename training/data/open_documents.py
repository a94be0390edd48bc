"""Questions about documents in ordinary English whose words are open.

Nothing here is a relation of a table: a pattern is a sentence with holes for nouns, verbs,
adjectives and values, and its questions are made of the same words. Which sentence answers
is found by matching all words of the question, since others share most of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache, partial
from typing import TYPE_CHECKING

from training.data import reading, values
from training.data import words as w
from training.data.phrases import Source, capital, lower, past, plural
from training.data.talk import UNKNOWN, Talk

if TYPE_CHECKING:
    from collections.abc import Callable

_NOUNS = """bridge library bakery market tower museum school garden kitchen office bank station harbour factory theatre cinema clinic chapel mill barn stable cellar attic hall lobby workshop studio gallery archive canteen cafe restaurant hotel hostel campsite stadium gym pool court playground park square fountain statue monument well pond canal lighthouse castle palace fortress cottage cabin farm vineyard orchard greenhouse brewery dairy butchery pharmacy laundry garage warehouse depot airport terminal tunnel dam pier ferry tram bus train boat tractor lorry bicycle crane engine pump boiler oven fridge freezer kettle printer scanner camera projector radio clock lamp lantern ladder hammer drill saw bench table chair cupboard shelf carpet curtain mirror window door gate fence roof chimney balcony staircase lift corridor ceiling floor piano violin guitar drum choir orchestra band bell organ painting poster map book diary letter parcel package ticket passport contract report magazine newspaper calendar brochure survey lecture course seminar workshop concert festival exhibition parade race tournament match meeting conference auction raffle picnic banquet rehearsal performance ceremony excursion tour cruise flight journey project campaign experiment study battery sensor antenna satellite telescope microscope robot drone tent backpack suitcase umbrella helmet jacket blanket pillow basket barrel bottle bucket crate box bag vase candle"""
_PARTS = """room window door seat bed desk shelf lamp wheel button drawer pocket chapter page stamp coin photo map key locker bench tree bush flower vine hive tent cabin boat canoe kayak tractor trailer van truck bicycle engine pump tank barrel bottle basket crate sack chair sofa table mirror clock bell flag statue painting poster carpet curtain pillar arch balcony tower gate chimney staircase lift corridor office studio workshop classroom laboratory kitchen toilet shower oven fridge computer printer camera telescope microscope robot sensor screen socket cable switch lantern candle pillow blanket towel plate cup glass spoon fork knife bowl jar kettle hammer drill ladder rope net hook anchor sail cow goat pig horse donkey duck hen swan parrot rabbit hamster turtle lizard spider nurse doctor teacher guard cleaner driver cook gardener waiter pilot clerk engineer volunteer student pupil guest visitor member player singer dancer drummer trainee tenant resident camper bridge canal fountain garden park school church bakery museum library hotel cinema theatre stadium market factory warehouse"""
_ADJECTIVES = """red blue green yellow white black brown grey pink wooden metal glass stone paper plastic leather round square oval narrow wide tall short long thick thin heavy light old new empty full spare broken striped spotted folding electric digital manual portable local annual monthly weekly daily public private secret famous northern southern eastern western upper lower inner outer central front rear left right first second third last main small large cheap expensive quiet noisy warm cold dry wet soft hard smooth rough clean dirty bright dark sweet sour salty bitter fresh frozen raw golden silver copper plain painted printed handmade foreign modern medieval winter summer spring autumn morning evening night garden kitchen harbour school village street family guest staff travel emergency"""
_TRANSITIVE = """paint;repair;design;sell;steal stole stolen;clean;measure;photograph;rent;borrow;describe;destroy;insure;decorate;film;draw drew drawn;sponsor;test;weigh;polish;import;export;advertise;discover;donate;inherit;invent;lose lost lost;hide hid hidden;open;close;break broke broken;name;order;pack;cover;label;present;praise;guard;manage;review;move;burn;count;copy;cancel;flood;lift;lower;load;map;print;rescue;scan;sink sank sunk;supply;unlock;varnish;visit;approve;reject;assemble;carve;dig dug dug;drive drove driven;heat;light lit lit;oil;plaster;study;surround;water;weld;choose chose chosen;collect;criticise;deliver;launch;mock;pull;push;register;sharpen;shake shook shaken;tune"""
_INTRANSITIVE = """open;close;start;stop;arrive;leave left left;ring rang rung;rehearse;sail;land;run ran run;turn;move;sink sank sunk;explode;reopen;freeze froze frozen;overheat;crash;vanish;play;perform;pause;return;appear;flood;dock;refuel;restart;recharge;shake shook shaken;glow;hum;vibrate;leak;rust;burn;fall fell fallen;rise rose risen;grow grew grown;shrink shrank shrunk;split split split;whistle;flash;fail;beep;tilt;rotate;spin spun spun;break broke broken"""
_DOINGS = """sleep slept slept;wake woke woken;sing sang sung;train;travel;retire;celebrate;dance;protest;swim swam swum;complain;resign;arrive;leave left left;eat ate eaten;pray;vote;run ran run;rehearse;perform;shower;skate;ski;fish;camp;paint;cook;read read read;write wrote written;study;sail;ride rode ridden;shop"""
_CRAFT = "tram bus train boat tractor lorry bicycle ferry ship plane truck van taxi scooter motorbike coach canoe barge yacht tanker helicopter glider balloon submarine trawler rocket minibus ambulance shuttle steamer sledge wagon carriage caravan trolley drone"
_HAPPENINGS = "lecture course seminar concert festival exhibition parade race tournament match meeting conference auction raffle picnic banquet rehearsal performance ceremony excursion tour cruise journey project campaign experiment study lesson party wedding fair quiz play film debate interview training inspection holiday workshop marathon ball carnival service strike break"
_BUILDINGS = "library bakery market museum school kitchen office bank station theatre cinema clinic chapel stable workshop studio gallery archive canteen cafe restaurant hotel hostel campsite stadium gym pool playground park castle palace fortress farm vineyard orchard greenhouse brewery dairy pharmacy laundry garage warehouse depot airport hospital church cathedral nursery college shop kiosk zoo harbour prison embassy courthouse factory bookshop hairdresser sauna"
_OPENING = "open;close;reopen;empty;fill"
_GOING = "arrive;leave left left;stop;return;turn;refuel;start;pass;brake;load;unload"
_RUNNING = "start;end;pause"
_HABITS = """paint;sell;repair;teach taught taught;collect;study;draw drew drawn;grow grew grown;bake;film;photograph;clean;breed bred bred;carve;train;import;export;write wrote written;buy bought bought;deliver;design;print;polish;translate;rent;weave wove woven;sew;brew;cook;guard;recycle;donate;pack;sort;smoke;store;play;borrow;inspect;sharpen;decorate;assemble;tune"""
_LINKS = """manage;own;clean;guard;sponsor;inspect;supply;insure;advise;teach taught taught;feed fed fed;train;photograph;represent;visit;heat;water;decorate;promote;design;rent;restore;study"""
_GOODS = """apple carrot onion potato pumpkin cherry lemon melon plum pear bean mushroom walnut tulip rose lily daisy cactus orchid fern egg loaf cake biscuit pie sausage pancake pretzel candle basket blanket carpet curtain hat scarf glove sock shoe boot belt bag wallet ring necklace watch clock lamp mirror vase cup plate bowl spoon knife kettle pot pan bottle jar barrel crate box drum guitar violin flute trumpet piano puppet doll kite puzzle marble stamp coin poster map postcard book diary magazine calendar tractor boat canoe bicycle scooter van wheel tyre engine pump valve pipe cable battery bulb sensor camera lens robot drone screen keyboard chair table desk bed sofa shelf ladder hammer saw drill nail screw brick tile rope net sail tent stove"""
_SPOTS = """bridge mill church harbour station market square park school library fountain tower castle chapel lighthouse barn orchard pond canal river forest hill field bakery museum theatre stadium airport factory quarry cemetery pier tunnel dam windmill"""
_ROOMS = "cellar attic lobby kitchen garage workshop library basement hall corridor laundry pantry studio archive greenhouse shed stable tower gallery lounge canteen storeroom reception courtyard office balcony bathroom bedroom"
_CAUSES = "storm|strike|flood|fire|heavy snow|fog|noise|power cut|heat|shortage of staff|lack of money|broken lift|election|public holiday|gas leak|burst pipe|new law|low water|building work|smell|frost|virus|drought|missing permit|traffic jam|computer failure|full moon|leaking roof|wedding|earthquake"
_COLOURS = "red|blue|green|yellow|white|black|brown|grey|pink|orange|purple|dark blue|light green|silver|beige|turquoise|crimson|violet|cream|gold"
_STUFF = "oak|steel|copper|glass|brick|bamboo|leather|cotton|wool|granite|marble|bronze|plastic|clay|silk|pine|concrete|aluminium|linen|cork|paper|slate|rubber|straw|iron|sandstone|felt|wax|ash wood|porcelain"
_MEANS = "by bus|by boat|by train|on foot|by bicycle|by tram|by car|by helicopter|on horseback|by ferry|by taxi|by plane|by scooter"
_TOOLS = "brush|knife|hammer|rope|sponge|needle|shovel|ladder|chisel|drill|torch|net|hook|magnet|scraper|broom|spoon|crane|winch|hose|razor|wrench|roller|trowel|file|pair of scissors"
_NUMBERS = ["two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "eighteen", "twenty", "thirty", "forty", "fifty"]
_KNOWN = {kind: text.split() for kind, text in (("noun", _NOUNS), ("part", _PARTS), ("adj", _ADJECTIVES), ("good", _GOODS), ("spot", _SPOTS), ("room", _ROOMS), ("craft", _CRAFT), ("event", _HAPPENINGS), ("house", _BUILDINGS))}
_VERBS = {kind: [verb.split() for verb in text.split(";")] for kind, text in (("t", _TRANSITIVE), ("i", _INTRANSITIVE), ("h", _HABITS), ("l", _LINKS), ("y", _DOINGS), ("o", _OPENING), ("z", _GOING), ("w", _RUNNING))}
_DOUBLED = frozenset(["stop", "step", "plan", "ship", "drop", "rob", "hug", "wrap", "map", "scan", "shut", "tip", "chop", "grab", "run", "dig", "swim", "sit", "knit", "trim", "pin", "tap", "mop", "wrap", "travel", "cancel", "label", "refuel", "hum", "jog", "shop", "spin", "split", "tug", "refill", "unplug"])


def _thing(s: Source, kind: str) -> str:
    """A noun or adjective of a role: one of its own list, of the long lists, or invented."""
    roll = s.rng.random()
    if roll < 0.6 or (kind == "part" and roll < 0.75):
        return s.one_of(_KNOWN[kind])
    if roll > 0.95:
        return w.blend(s.rng)
    if kind == "adj":
        return s.word(w.ADJECTIVES).lower()
    word = s.word(w.NOUNS if roll < 0.75 else w.OBJECTS)
    if word.endswith(("s", "ing")) or not word.isalpha() or not word.islower():
        return s.one_of(_KNOWN[kind])
    return word


def _forms(s: Source, kind: str) -> tuple[str, str, str, str, str]:
    """A verb: base, third person, past, participle and -ing form."""
    verb = s.rng.choice(_VERBS[kind]) if s.chance(0.94) else [w.blend(s.rng)]
    base = verb[0]
    third = plural(base)
    stem = base + base[-1] if base in _DOUBLED else base
    regular = past(stem)
    going = (stem[:-1] if stem.endswith("e") and not stem.endswith("ee") else stem) + "ing"
    if len(verb) > 1:
        return base, third, verb[1], verb[2], going
    return base, third, regular, regular, going


def _spelled(s: Source) -> str:
    return s.one_of(_NUMBERS) if s.chance(0.6) else str(s.rng.randrange(2, 60))


def _unit(*units: str) -> Callable[[Source], str]:
    return lambda s: f"{s.rng.randrange(2, 95)} {s.one_of(units)}"


def _among(text: str) -> Callable[[Source], str]:
    options = tuple(text.split("|"))
    return lambda s: s.one_of(options)


def _date(s: Source) -> str:
    return w.date(s.rng, s.held) if s.chance(0.4) else f"{s.rng.randrange(1, 29)} {w.MONTHS.pick(s.rng)}"


_WEEKDAYS = "Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday"
_MAKERS: dict[str, Callable[[Source], str]] = {
    "year": lambda s: str(s.rng.randrange(1650, 2026)),
    "clock": lambda s: w.clock(s.rng, s.held),
    "date": _date,
    "day": _among(_WEEKDAYS),
    "month": lambda s: w.MONTHS.pick(s.rng),
    "num": _spelled,
    "big": lambda s: w.grouped(s.rng.randrange(100, s.rng.choice((1000, 20000, 900000))), s.rng),
    "price": values.price,
    "person": lambda s: w.person(s.rng, s.held) if s.chance(0.7) else w.first_name(s.rng, s.held),
    "place": lambda s: w.place(s.rng, s.held),
    "company": lambda s: w.company(s.rng, s.held),
    "span": lambda s: f"{_spelled(s)} {s.one_of(('years', 'months', 'weeks', 'days', 'hours', 'minutes'))}",
    "dist": _unit("kilometres", "miles", "metres", "km"),
    "size": _unit("metres", "centimetres", "feet", "inches"),
    "mass": _unit("kilos", "tonnes", "grams", "kg", "pounds"),
    "heat": _unit("degrees"),
    "speed": _unit("km/h", "knots", "miles per hour"),
    "share": lambda s: f"{s.rng.randrange(2, 99)} {s.one_of(('percent', 'per cent'))}",
    "color": _among(_COLOURS),
    "stuff": _among(_STUFF),
    "means": _among(_MEANS),
    "cause": lambda s: f"because of the {s.one_of(_CAUSES.split('|'))}",
    "tool": lambda s: f"a {s.one_of(_TOOLS.split('|'))}",
    "animal": lambda s: s.word(w.ANIMALS),
    "food": lambda s: s.word(w.FOODS),
    "job": lambda s: s.word(w.JOBS),
    "hobby": lambda s: s.word(w.HOBBIES),
    "phone": lambda s: w.phone(s.rng, s.held),
    "email": lambda s: w.email(s.rng, s.held),
    "code": lambda s: w.identifier(s.rng),
    "street": values.address,
    "name": lambda s: w.invented_name(s.rng),
    "loc": lambda s: f"{s.one_of(('behind', 'near', 'opposite', 'next to', 'beside'))} the {_thing(s, 'spot')}",
    "room": lambda s: f"in the {_thing(s, 'room')}",
    "goods": lambda s: plural(_thing(s, "good")),
    "often": lambda s: f"every {s.one_of((*_WEEKDAYS.split('|'), 'week', 'month', 'spring', 'summer', 'morning', 'evening', 'second year', 'ten minutes', 'half hour', 'three days'))}",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What a pattern says: the slot of the value, the plain question, answer, more questions."""

    slot: str
    canonical: str
    answer: str
    more: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Pattern:
    """Sentences with slots that all state the same facts, of subjects of some kinds."""

    kinds: str
    sentences: tuple[str, ...]
    asked: tuple[Asked, ...]


def _p(kinds: str, sentences: str, *asked: str) -> Pattern:
    """A pattern: its sentences apart by `|`, its facts as `slot|question|answer|more...`."""
    facts = []
    for line in asked:
        slot, canonical, answer, *more = line.split("|")
        facts.append(Asked(slot, canonical, answer, tuple(more)))
    return Pattern(kinds, tuple(sentences.split("|")), tuple(facts))


# Kinds of subjects: p person, t town, o organisation, x any other thing; - none is needed.
# Slots: n m k nouns (ns ms plural), q a part (qs), g a good (gs), a b adjectives, t i h l
# verbs (s third person, d past, n participle, g -ing), S the subject, the rest _MAKERS.
PATTERNS = (
    _p("-", "The {n} {i_s} at {clock}.|At {clock} the {n} {i_s}.|Every day the {n} {i_s} at {clock}.", "clock|When does the {n} {i}?|The {n} {i_s} at {clock}.|when the {n} {i_s}?|So when does the {n} {i}?"),
    _p("-", "The {a} {n} {i_s} at {clock}.|At {clock}, the {a} {n} {i_s}.", "clock|When does the {a} {n} {i}?|The {a} {n} {i_s} at {clock}.|when the {a} {n} {i_s}?"),
    _p("-", "The {n} was {t_n} in {year} by {person}.|In {year}, the {n} was {t_n} by {person}.|In {year} {person} {t_d} the {n}.", "year|When was the {n} {t_n}?|The {n} was {t_n} in {year}.|year the {n} was {t_n}?", "person|Who {t_d} the {n}?|{person} {t_d} the {n}.|By whom was the {n} {t_n}?|Who was the {n} {t_n} by?"),
    _p("-", "The {a} {n} was {t_n} by {person}.|{person} {t_d} the {a} {n}.|It was {person} who {t_d} the {a} {n}.", "person|Who {t_d} the {a} {n}?|{person} {t_d} the {a} {n}.|By whom was the {a} {n} {t_n}?"),
    _p("-", "The {n} was {t_n} on {date}.|On {date} the {n} was {t_n}.", "date|When was the {n} {t_n}?|The {n} was {t_n} on {date}.|date the {n} was {t_n}?"),
    _p("-", "There are {num} {qs} in the {d}.|The {d} has {num} {qs}.|In the {d} there are {num} {qs}.|The {d} contains {num} {qs}.", "num|How many {qs} are in the {d}?|There are {num} {qs} in the {d}.|How many {qs} does the {d} have?|number of {qs} in the {d}?|How many {qs} are there in the {d}?"),
    _p("-", "There are {num} {a} {qs} and {num2} {b} {qs} in the {d}.|The {d} has {num} {a} {qs} and {num2} {b} {qs}.", "num|How many {a} {qs} are in the {d}?|There are {num} {a} {qs} in the {d}.|How many {a} {qs} does the {d} have?", "num2|How many {b} {qs} are in the {d}?|There are {num2} {b} {qs} in the {d}.|How many {b} {qs} does the {d} have?"),
    _p("-", "The {a} {n} weighs {mass}.|On the scales, the {a} {n} weighs {mass}.|The {a} {n} weighs exactly {mass}.", "mass|How much does the {a} {n} weigh?|The {a} {n} weighs {mass}.|How heavy is the {a} {n}?|weight of the {a} {n}?"),
    _p("-", "The {a} {n} costs {price}.|For the {a} {n} people pay {price}.|The price of the {a} {n} is {price}.", "price|How much does the {a} {n} cost?|The {a} {n} costs {price}.|What does the {a} {n} cost?|price of the {a} {n}?|What is the price of the {a} {n}?"),
    _p("-", "The {n} is {size} long and {size2} wide.|The {n}, which is {size2} wide, is {size} long.", "size|How long is the {n}?|The {n} is {size} long.|length of the {n}?|What is the length of the {n}?", "size2|How wide is the {n}?|The {n} is {size2} wide.|width of the {n}?|What is the width of the {n}?"),
    _p("-", "The {n} is {size} high.|Measured from the ground, the {n} is {size} high.|Today the {n} is {size} high.", "size|How high is the {n}?|The {n} is {size} high.|height of the {n}?|What is the height of the {n}?"),
    _p("-", "The {a} {n} is made of {stuff}.|The {a} {n}, which is popular, is made of {stuff}.", "stuff|What is the {a} {n} made of?|The {a} {n} is made of {stuff}.|Which material is the {a} {n} made of?|material of the {a} {n}?"),
    _p("-", "The {n} is painted {color}.|Last year the {n} was painted {color}.|Since spring the {n} has been painted {color}.", "color|What colour is the {n} painted?|The {n} is painted {color}.|Which colour is the {n} painted?|colour of the {n}?"),
    _p("-", "The {a} {n} is {room}.|The {a} {n} stands {room}.|You will find the {a} {n} {room}.", "room|Where is the {a} {n}?|The {a} {n} is {room}.|Where can I find the {a} {n}?|Where does the {a} {n} stand?"),
    _p("-", "The {n} stands {loc}.|The {n} is {loc}.|People can find the {n} {loc}.", "loc|Where is the {n}?|The {n} is {loc}.|Where can I find the {n}?|Where exactly is the {n}?"),
    _p("-", "The {n} {i_d} {cause}.|Last week the {n} {i_d} {cause}.", "cause|Why did the {n} {i}?|The {n} {i_d} {cause}.|What was the reason that the {n} {i_d}?|why the {n} {i_d}?"),
    _p("-", "The {n} was {t_n} {cause}.|The {n} had to be {t_n} {cause}.", "cause|Why was the {n} {t_n}?|The {n} was {t_n} {cause}.|For what reason was the {n} {t_n}?"),
    _p("-", "{person} {l_s} the {n} of {place}.|The {n} of {place} is {l_n} by {person}.", "person|Who {l_s} the {n} of {place}?|{person} {l_s} the {n} of {place}.|By whom is the {n} of {place} {l_n}?"),
    _p("-", "{person} {l_s} the {n}.|Today {person} {l_s} the {n}.|The {n} is {l_n} by {person}.|Since last year {person} has {l_n} the {n}.", "person|Who {l_s} the {n}?|{person} {l_s} the {n}.|By whom is the {n} {l_n}?|Do you know who {l_s} the {n}?"),
    _p("-", "{person} {l_s} the {a} {n}, while the {b} {n} is {l_n} by {person2}.|The {a} {n} is {l_n} by {person}, and {person2} {l_s} the {b} {n}.", "person|Who {l_s} the {a} {n}?|{person} {l_s} the {a} {n}.|By whom is the {a} {n} {l_n}?", "person2|Who {l_s} the {b} {n}?|{person2} {l_s} the {b} {n}.|By whom is the {b} {n} {l_n}?"),
    _p("-", "It takes {span} to {t} the {n}.|To {t} the {n} takes {span}.|{t_G} the {n} takes {span}.", "span|How long does it take to {t} the {n}?|It takes {span} to {t} the {n}.|How long does {t_g} the {n} take?|time to {t} the {n}?"),
    _p("-", "{t_G} the {n} costs {price}.|It costs {price} to {t} the {n}.|We paid {price} to {t} the {n}.", "price|How much does it cost to {t} the {n}?|It costs {price} to {t} the {n}.|What does {t_g} the {n} cost?|cost of {t_g} the {n}?"),
    _p("-", "The {n} {i_s} {often}.|Usually the {n} {i_s} {often}.", "often|How often does the {n} {i}?|The {n} {i_s} {often}.|how often the {n} {i_s}?"),
    _p("-", "The {n} is {t_n} {often}.|As a rule the {n} is {t_n} {often}.|Somebody {t_s} the {n} {often}.", "often|How often is the {n} {t_n}?|The {n} is {t_n} {often}.|how often they {t} the {n}?"),
    _p("-", "The {n} was {t_n} with {tool}.|Somebody {t_d} the {n} with {tool}.", "tool|With what was the {n} {t_n}?|The {n} was {t_n} with {tool}.|What was the {n} {t_n} with?|What was used to {t} the {n}?"),
    _p("-", "The {n} was {t_n} in {place}.|It was in {place} that the {n} was {t_n}.", "place|Where was the {n} {t_n}?|The {n} was {t_n} in {place}.|In which town was the {n} {t_n}?"),
    _p("-", "The {e} lasts {span}.|All in all the {e} lasts {span}.", "span|How long does the {e} last?|The {e} lasts {span}.|duration of the {e}?|How long is it that the {e} lasts?"),
    _p("-", "The code of the {a} {n} is {code}.|The {a} {n} has the code {code}.", "code|What is the code of the {a} {n}?|The code of the {a} {n} is {code}.|Which code does the {a} {n} have?|code of the {a} {n}?"),
    _p("-", "The {a} {n} belongs to {person}.|{person} is the owner of the {a} {n}.", "person|Who does the {a} {n} belong to?|The {a} {n} belongs to {person}.|To whom does the {a} {n} belong?|Whose is the {a} {n}?"),
    _p("-", "{big} people {t_d} the {n}.|Last year {big} people {t_d} the {n}.|The {n} was {t_n} by {big} people.", "big|How many people {t_d} the {n}?|{big} people {t_d} the {n}.|By how many people was the {n} {t_n}?"),
    _p("-", "The {n} comes from {place}.|Two years later the {n} was brought here from {place}.", "place|Where does the {n} come from?|The {n} comes from {place}.|From which place is the {n}?"),
    _p("-", "The {a} {n} is {t_n} on {day}.|On {day} the {a} {n} is {t_n}.", "day|On which day is the {a} {n} {t_n}?|The {a} {n} is {t_n} on {day}.|When is the {a} {n} {t_n}?|What day is the {a} {n} {t_n}?"),
    _p("-", "The {a} {n} can hold {num} {gs}.|Inside the {a} {n} there is space for {num} {gs}.", "num|How many {gs} can the {a} {n} hold?|The {a} {n} can hold {num} {gs}.|For how many {gs} is there space in the {a} {n}?"),
    _p("-", "{share} of the {qs} are {a}.|Of all {qs}, {share} are {a}.", "share|What share of the {qs} are {a}?|{share} of the {qs} are {a}.|How much of the {qs} is {a}?|What percentage of the {qs} are {a}?"),
    _p("-", "The {c} reaches {speed}, and the {v} reaches {speed2}.|While the {c} reaches {speed}, the {v} reaches {speed2}.", "speed|What speed does the {c} reach?|The {c} reaches {speed}.|How fast is the {c}?|speed of the {c}?", "speed2|What speed does the {v} reach?|The {v} reaches {speed2}.|How fast is the {v}?|speed of the {v}?"),
    _p("-", "The {d} is kept at {heat}.|At all times the {d} is kept at {heat}.", "heat|At what temperature is the {d} kept?|The {d} is kept at {heat}.|How warm is the {d} kept?|temperature of the {d}?"),
    _p("-", "The {n} and the {m} were {t_n}: the {n} by {person} and the {m} by {person2}.|{person} {t_d} the {n} and {person2} {t_d} the {m}.|The {n} was {t_n} by {person}, the {m} by {person2}.", "person|Who {t_d} the {n}?|{person} {t_d} the {n}.|By whom was the {n} {t_n}?", "person2|Who {t_d} the {m}?|{person2} {t_d} the {m}.|By whom was the {m} {t_n}?"),
    _p("-", "The {n} was {t_n} on {day} and {u_n} on {day2}.", "day|On which day was the {n} {t_n}?|The {n} was {t_n} on {day}.|When was the {n} {t_n}?", "day2|On which day was the {n} {u_n}?|The {n} was {u_n} on {day2}.|When was the {n} {u_n}?"),
    _p("-", "{person} {t_d} the {n} and {person2} {u_d} it.|The {n} was {t_n} by {person} and {u_n} by {person2}.|{person} {t_d} the {n}, which {person2} {u_d} a year later.", "person|Who {t_d} the {n}?|{person} {t_d} the {n}.|By whom was the {n} {t_n}?", "person2|Who {u_d} the {n}?|{person2} {u_d} the {n}.|By whom was the {n} {u_n}?"),
    _p("-", "The {d} {o_s} at {clock} and {x_s} at {clock2}.|Every day the {d} {o_s} at {clock} and {x_s} at {clock2}.", "clock|When does the {d} {o}?|The {d} {o_s} at {clock}.|when the {d} {o_s}?", "clock2|When does the {d} {x}?|The {d} {x_s} at {clock2}.|when the {d} {x_s}?"),
    _p("-", "The {a} {d} {o_s} at {clock2}.|According to the sign, the {a} {d} {o_s} at {clock2}.", "clock2|When does the {a} {d} {o}?|The {a} {d} {o_s} at {clock2}.|when the {a} {d} {o_s}?"),
    _p("-", "The {a} {c} {z_s} at {clock} and {f_s} at {clock2}.|On weekdays the {a} {c} {z_s} at {clock} and {f_s} at {clock2}.", "clock|When does the {a} {c} {z}?|The {a} {c} {z_s} at {clock}.|when the {a} {c} {z_s}?", "clock2|When does the {a} {c} {f}?|The {a} {c} {f_s} at {clock2}.|when the {a} {c} {f_s}?"),
    _p("-", "The {c} {z_s} in {place} and {f_s} in {place2}.|First the {c} {z_s} in {place}, and then it {f_s} in {place2}.", "place|Where does the {c} {z}?|The {c} {z_s} in {place}.|In which town does the {c} {z}?", "place2|Where does the {c} {f}?|The {c} {f_s} in {place2}.|In which town does the {c} {f}?"),
    _p("-", "The {a} {c} takes {num} {qs} to {place}.|With {num} {qs} on board, the {a} {c} goes to {place}.", "num|How many {qs} does the {a} {c} take?|The {a} {c} takes {num} {qs}.|number of {qs} on the {a} {c}?", "place|Where does the {a} {c} go?|The {a} {c} goes to {place}.|To which town does the {a} {c} go?"),
    _p("-", "The {a} {e} {w_s} on {day}.|On {day} the {a} {e} {w_s}.", "day|On which day does the {a} {e} {w}?|The {a} {e} {w_s} on {day}.|When does the {a} {e} {w}?|What day does the {a} {e} {w}?"),
    _p("-", "The {e} {w_s} on {date} and {k_s} on {date2}.|This time the {e} {w_s} on {date} and {k_s} on {date2}.", "date|When does the {e} {w}?|The {e} {w_s} on {date}.|when the {e} {w_s}?", "date2|When does the {e} {k}?|The {e} {k_s} on {date2}.|when the {e} {k_s}?"),
    _p("-", "{person} organised the {a} {e}, and {person2} paid for it.|The {a} {e} was organised by {person} and paid for by {person2}.", "person|Who organised the {a} {e}?|{person} organised the {a} {e}.|By whom was the {a} {e} organised?", "person2|Who paid for the {a} {e}?|{person2} paid for the {a} {e}."),
    _p("-", "{big} guests came to the {a} {e} in {place}.|The {a} {e} in {place} had {big} guests.", "big|How many guests came to the {a} {e}?|{big} guests came to the {a} {e}.|How many guests did the {a} {e} have?|number of guests at the {a} {e}?", "place|Where was the {a} {e}?|The {a} {e} was in {place}.|In which town was the {a} {e}?"),
    _p("to", "The {e} of {S} {w_s} on {date}.|On {date} the {e} of {S} {w_s}.", "date|When does the {e} of {S} {w}?|The {e} of {S} {w_s} on {date}.|when the {e} of {S} {w_s}?"),
    _p("to", "In {S}, the {d} is {l_n} by {person}.|{person} {l_s} the {d} in {S}.", "person|Who {l_s} the {d} in {S}?|{person} {l_s} the {d} in {S}.|By whom is the {d} in {S} {l_n}?"),
    # Things with a name: towns, organisations, other things.
    _p("tox", "{S} {i_d} in {year}.|In {year}, {S} {i_d}.", "year|When did {S} {i}?|{S} {i_d} in {year}."),
    _p("tox", "{S} was {t_n} in {year}.|In {year} {S} was {t_n}.", "year|When was {S} {t_n}?|{S} was {t_n} in {year}."),
    _p("tox", "{S} was {t_n} by {person}.|Many years ago, {S} was {t_n} by {person}.", "person|Who {t_d} {S}?|{person} {t_d} {S}.|By whom was {S} {t_n}?"),
    _p("tox", "{S} was {t_n} by {person} and {u_n} by {person2}.", "person|Who {t_d} {S}?|{person} {t_d} {S}.|By whom was {S} {t_n}?", "person2|Who {u_d} {S}?|{person2} {u_d} {S}.|By whom was {S} {u_n}?"),
    _p("tox", "{S} has {num} {qs}.|Today, {S} has {num} {qs}.|Since last year {S} has had {num} {qs}.", "num|How many {qs} does {S} have?|{S} has {num} {qs}.|{qs}: how many does {S} have?|number of {qs} of {S}?"),
    _p("tox", "{S} has {num} {qs} and {num2} {rs}.|{S} has not only {num} {qs} but also {num2} {rs}.", "num|How many {qs} does {S} have?|{S} has {num} {qs}.|number of {qs} of {S}?", "num2|How many {rs} does {S} have?|{S} has {num2} {rs}.|number of {rs} of {S}?"),
    _p("tox", "{S} has {A} {n}, which {person} {l_s}.|{S} has {A} {n}, which is {l_n} by {person}.", "person|Who {l_s} the {a} {n} of {S}?|{person} {l_s} the {a} {n} of {S}.|By whom is the {a} {n} of {S} {l_n}?"),
    _p("tox", "{S} has {A} {n}, which weighs {mass}.|{S} also has {A} {n} that weighs {mass}.", "mass|How much does the {a} {n} of {S} weigh?|The {a} {n} of {S} weighs {mass}.|How heavy is the {a} {n} of {S}?"),
    _p("tox", "{S} has {A} {n}, where {person} {h_s} {goods}.", "person|Who {h_s} {goods} in the {a} {n} of {S}?|{person} {h_s} {goods} in the {a} {n} of {S}.", "goods|What does {person} {h} in the {a} {n} of {S}?|{person} {h_s} {goods} in the {a} {n} of {S}."),
    _p("tox", "{S} is {dist} from {place}.|{S} lies {dist} from {place}.", "dist|How far is {S} from {place}?|{S} is {dist} from {place}.|distance from {S} to {place}?|How far is it from {place} to {S}?"),
    _p("tox", "The {n} of {S} {i_s} at {clock}.|At {clock} the {n} of {S} {i_s}.", "clock|When does the {n} of {S} {i}?|The {n} of {S} {i_s} at {clock}.|when the {n} of {S} {i_s}?"),
    _p("tox", "{S} is famous for {goods}.|All over the country {S} is famous for {goods}.", "goods|What is {S} famous for?|{S} is famous for {goods}.|For what is {S} famous?"),
    _p("tox", "The {n} of {S} is called {name}.|{S} has {N} called {name}.", "name|What is the {n} of {S} called?|The {n} of {S} is called {name}.|name of the {n} of {S}?"),
    _p("to", "{S} spent {price} on {A} {n}.|Last year {S} spent {price} on {A} {n}.", "price|How much did {S} spend on the {a} {n}?|{S} spent {price} on the {a} {n}.|What did {S} pay for the {a} {n}?"),
    _p("to", "{S} received {A} {n} from {person} in {year}.|In {year}, {S} received {A} {n} from {person}.", "person|Who did {S} receive the {a} {n} from?|{S} received the {a} {n} from {person}.|From whom did {S} receive the {a} {n}?", "year|When did {S} receive the {a} {n}?|{S} received the {a} {n} in {year}."),
    _p("o", "{S} {h_s} {goods}.|{often_E}, {S} {h_s} {goods}.|Today {S} {h_s} {goods}.", "goods|What does {S} {h}?|{S} {h_s} {goods}.|what {S} {h_s}?"),
    _p("o", "{S} {h_s} {goods} and {j_s} {goods2}.|{S} not only {h_s} {goods} but also {j_s} {goods2}.", "goods|What does {S} {h}?|{S} {h_s} {goods}.", "goods2|What does {S} {j}?|{S} {j_s} {goods2}."),
    _p("o", "{S} {h_s} {gs} in {place}.|In {place}, {S} {h_s} {gs}.", "place|Where does {S} {h} {gs}?|{S} {h_s} {gs} in {place}.|In which town does {S} {h} {gs}?"),
    _p("o", "{S} {h_s} {big} {gs} a year.|Every year {S} {h_s} {big} {gs}.", "big|How many {gs} does {S} {h} a year?|{S} {h_s} {big} {gs} a year.|How many {gs} per year does {S} {h}?"),
    _p("o", "{S} {h_s} {num} {gs} and {j_s} {num2} {gs} a day.|Every day {S} {h_s} {num} {gs} and {j_s} {num2} {gs}.", "num|How many {gs} does {S} {h} a day?|{S} {h_s} {num} {gs} a day.", "num2|How many {gs} does {S} {j} a day?|{S} {j_s} {num2} {gs} a day."),
    _p("o", "{S} {h_s} {a} {gs} for {price}.|For {price}, {S} {h_s} {a} {gs}.", "price|For how much does {S} {h} {a} {gs}?|{S} {h_s} {a} {gs} for {price}.|At what price does {S} {h} {a} {gs}?"),
    _p("o", "{S} moved its {n} to {place} in {year}.|In {year} {S} moved its {n} to {place}.", "place|Where did {S} move its {n}?|{S} moved its {n} to {place}.|To which town did {S} move its {n}?", "year|When did {S} move its {n}?|{S} moved its {n} in {year}."),
    _p("o", "{S} {t_d} the {n} in {span}.|In only {span}, {S} {t_d} the {n}.", "span|How long did {S} need to {t} the {n}?|{S} needed {span} to {t} the {n}.|In what time did {S} {t} the {n}?"),
    _p("o", "Questions about the {n} of {S} go to {email}.|For the {n} of {S}, write to {email}.", "email|What is the address for questions about the {n} of {S}?|Questions about the {n} of {S} go to {email}.|Where do I write about the {n} of {S}?"),
    _p("o", "The {n} of {S} can be reached on {phone}.|The telephone in the {n} of {S} is {phone}.", "phone|What is the telephone number of the {n} of {S}?|The telephone number of the {n} of {S} is {phone}.|How can I call the {n} of {S}?"),
    _p("to", "{S} plans to {t} the {n} in {month}.|In {month}, {S} plans to {t} the {n}.", "month|When does {S} plan to {t} the {n}?|{S} plans to {t} the {n} in {month}.|In which month does {S} plan to {t} the {n}?"),
    # People.
    _p("p", "{S} {h_s} {goods}.|{often_E}, {S} {h_s} {goods}.|Today {S} {h_s} {goods}.", "goods|What does {S} {h}?|{S} {h_s} {goods}.|what {S} {h_s}?"),
    _p("p", "{S} {h_s} {gs} in {place}.|In {place}, {S} {h_s} {gs}.", "place|Where does {S} {h} {gs}?|{S} {h_s} {gs} in {place}.|In which town does {S} {h} {gs}?"),
    _p("p", "{S} {h_s} {goods} and {j_s} {goods2}.", "goods|What does {S} {h}?|{S} {h_s} {goods}.", "goods2|What does {S} {j}?|{S} {j_s} {goods2}."),
    _p("p", "{S} {h_d} {num} {gs} in {year}.|In {year}, {S} {h_d} {num} {gs}.", "num|How many {gs} did {S} {h}?|{S} {h_d} {num} {gs}.", "year|When did {S} {h} the {gs}?|{S} {h_d} the {gs} in {year}."),
    _p("p", "{S} {t_d} the {n} in {year}.|In {year}, {S} {t_d} the {n}.", "year|When did {S} {t} the {n}?|{S} {t_d} the {n} in {year}."),
    _p("p", "{S} {t_d} the {a} {n} on {date} and the {b} {n} on {date2}.", "date|When did {S} {t} the {a} {n}?|{S} {t_d} the {a} {n} on {date}.", "date2|When did {S} {t} the {b} {n}?|{S} {t_d} the {b} {n} on {date2}."),
    _p("p", "{S} {t_d} the {n} with {tool}.|With {tool}, {S} {t_d} the {n}.", "tool|With what did {S} {t} the {n}?|{S} {t_d} the {n} with {tool}.|What did {S} {t} the {n} with?|What did {S} use to {t} the {n}?"),
    _p("p", "{S} {t_d} the {n} {cause}.", "cause|Why did {S} {t} the {n}?|{S} {t_d} the {n} {cause}.|For what reason did {S} {t} the {n}?"),
    _p("p", "{S} gave {person} {A} {n}.|Last year {S} gave {person} {A} {n}.", "person|Who did {S} give the {a} {n} to?|{S} gave the {a} {n} to {person}.|To whom did {S} give the {a} {n}?|Who got the {a} {n} from {S}?"),
    _p("p", "{S} bought {A} {n} for {price} in {place}.|In {place} {S} bought {A} {n} for {price}.", "price|How much did {S} pay for the {a} {n}?|{S} paid {price} for the {a} {n}.|For how much did {S} buy the {a} {n}?", "place|Where did {S} buy the {a} {n}?|{S} bought the {a} {n} in {place}."),
    _p("p", "{S} travels to the {d} {means}.|Nowadays {S} travels to the {d} {means}.", "means|How does {S} travel to the {d}?|{S} travels to the {d} {means}.|How does {S} get to the {d}?"),
    _p("p", "{S} keeps the {a} {n} {room}.|Since last summer {S} has kept the {a} {n} {room}.", "room|Where does {S} keep the {a} {n}?|{S} keeps the {a} {n} {room}.|In which room does {S} keep the {a} {n}?"),
    _p("p", "{S} works as {J} in {place2}.", "job|What does {S} work as?|{S} works as {J}.|As what does {S} work?|job of {S}?", "place2|Where does {S} work?|{S} works in {place2}.|In which town does {S} work?"),
    _p("p", "{S} lives at {street}.|For many years {S} has lived at {street}.", "street|Where does {S} live?|{S} lives at {street}.|At which address does {S} live?"),
    _p("p", "{S} {y_s} at {clock} {often}.|At {clock} {S} {y_s} {often}.", "clock|When does {S} {y}?|{S} {y_s} at {clock}.|when {S} {y_s}?", "often|How often does {S} {y}?|{S} {y_s} {often}."),
    _p("p", "{S} {y_s} in {place}.|Usually {S} {y_s} in {place}.", "place|Where does {S} {y}?|{S} {y_s} in {place}.|In which town does {S} {y}?"),
    _p("p", "{S} {y_d} in {year}.|In {year}, {S} {y_d}.", "year|When did {S} {y}?|{S} {y_d} in {year}.|when {S} {y_d}?"),
    _p("p", "{S} met {person} in {place}.|In {place} {S} met {person}.", "person|Who did {S} meet in {place}?|{S} met {person} in {place}.|Whom did {S} meet in {place}?", "place|Where did {S} meet {person}?|{S} met {person} in {place}."),
    _p("p", "{S} has {num} {a} {qs}.|At home {S} has {num} {a} {qs}.", "num|How many {a} {qs} does {S} have?|{S} has {num} {a} {qs}.|number of {a} {qs} of {S}?"),
    _p("p", "{S} needed {span} to {t} the {n}.|In the end, {S} needed {span} to {t} the {n}.", "span|How long did {S} need to {t} the {n}?|{S} needed {span} to {t} the {n}.|How long did it take {S} to {t} the {n}?"),
    _p("p", "{S} {h_s} {gs} with {person}.|Together with {person}, {S} {h_s} {gs}.", "person|Who does {S} {h} {gs} with?|{S} {h_s} {gs} with {person}.|With whom does {S} {h} {gs}?"),
)
FILLERS = ("Not much else is known.", "The weather was good that day.", "Everybody was pleased.", "More will follow soon.", "It was a long year.", "Many people like to come back.", "Some details are still open.", "Photos are on the wall.", "Everyone is welcome.", "These are the most important points.", "The rest is less interesting.", "Nobody had expected that.", "There is still a lot to do.", "Please read this with care.", "The neighbours were surprised.", "All of this is well known here.")
_STARTS = {"year": ("When", ("In what year", "In which year", "What year")), "clock": ("When", ("What time", "At what time")), "date": ("When", ("On what date", "On which date")), "person": ("Who", ("Which person",)), "span": ("How long", ("How much time",))}
_EMPTY = frozenset(["when", "who", "what", "where", "which", "why", "how", "many", "much", "long", "far", "often", "does", "did", "do", "is", "was", "are", "were", "the", "a", "an", "of", "in", "to", "at", "on", "with", "by", "it", "its", "has", "have", "can", "for", "from", "and", "take", "people", "share", "year", "day", "one", "there", "cost", "pay", "spend"])


@dataclass(frozen=True, slots=True)
class Subject:
    """Somebody or something a document is about, and what may stand for it."""

    kind: str
    name: str
    again: tuple[str, ...]


@dataclass(slots=True)
class Fact:
    """A fact of a document with its questions."""

    canonical: str
    questions: list[str]
    answer: str
    value: str
    tag: tuple[str, frozenset[str]]
    sentence: str = ""


@dataclass(slots=True)
class Desk:
    """The words a document uses again and again."""

    s: Source
    words: dict[str, list[object]] = field(default_factory=dict)
    fresh: float = 0.4

    def take(self, role: str, make: Callable[[], object]) -> object:
        """A word of a role, often one the document has used."""
        drawn = self.words.setdefault(role, [])
        if drawn and not self.s.chance(self.fresh):
            return self.s.rng.choice(drawn)
        drawn.append(make())
        return drawn[-1]


_ROLES = {"n": "noun", "m": "noun", "q": "part", "r": "part", "g": "good", "a": "adj", "b": "adj", "c": "craft", "v": "craft", "d": "house", "e": "event"}
_VERB_ROLES = {"t": "t", "u": "t", "i": "i", "h": "h", "j": "h", "l": "l", "y": "y", "o": "o", "x": "o", "z": "z", "f": "z", "w": "w", "k": "w"}
_SLOT = re.compile(r"\{(\w+)\}")


def _an(text: str) -> str:
    return f"{'an' if text[:1].lower() in tuple('aeiou') else 'a'} {text}"


@cache
def _needs(pattern: Pattern) -> tuple[str, ...]:
    """The roles and makers a pattern uses."""
    found: dict[str, None] = {}
    texts = [*pattern.sentences, *(t for a in pattern.asked for t in (a.canonical, a.answer, *a.more))]
    for text in texts:
        for slot in _SLOT.findall(text):
            head = slot.split("_")[0]
            head = {"A": "a", "N": "n", "J": "job"}.get(head, head)
            head = head[0] if head in ("ns", "ms", "qs", "rs", "gs") else head
            if head not in ("S", "often") or slot == "often":
                found[head] = None
    return tuple(found)


def _drawn(desk: Desk, pattern: Pattern, subject: Subject, keep: dict[str, object]) -> dict[str, object]:
    """A word or value for every role of a pattern; `keep` says which are known."""
    s, made = desk.s, dict(keep)
    for role in _needs(pattern):
        if role in made:
            continue
        for _ in range(20):
            if role in _ROLES:
                kind = _ROLES[role]
                made[role] = desk.take(kind, partial(_thing, s, kind))
            elif role in _VERB_ROLES:
                kind = _VERB_ROLES[role]
                made[role] = desk.take(kind, partial(_forms, s, kind))
            else:
                made[role] = _MAKERS[role.rstrip("2")](s)
            if made[role] not in [value for key, value in made.items() if key != role]:
                break
            if role in _ROLES:
                made[role] = _thing(s, _ROLES[role])
                break
            if role in _VERB_ROLES:
                made[role] = _forms(s, _VERB_ROLES[role])
    return made


def _slots(s: Source, made: dict[str, object], subject: str) -> dict[str, str]:
    """The text for every slot."""
    slots = {"S": subject, "often_E": s.one_of(("Every year", "Every summer", "Nowadays", "These days", "In winter"))}
    for role, value in made.items():
        if isinstance(value, tuple):
            base, third, past, done, going = value
            slots |= {role: base, f"{role}_s": third, f"{role}_d": past, f"{role}_n": done, f"{role}_g": going, f"{role}_G": capital(going)}
            continue
        text = str(value)
        slots[role] = text
        if role in _ROLES:
            slots[f"{role}s"] = plural(text)
    if "a" in slots:
        slots["A"] = _an(slots["a"])
    if "n" in slots:
        slots["N"] = _an(slots["n"])
    if "job" in slots:
        slots["J"] = _an(slots["job"])
    return slots


def _fill(template: str, slots: dict[str, str]) -> str:
    return _SLOT.sub(lambda m: slots[m.group(1)], template)


def _tag(canonical: str) -> tuple[str, frozenset[str]]:
    """What a question asks for: its kind and the words that matter."""
    words = re.findall(r"[^\s?,]+", canonical.lower())
    first = words[1] if words[0] in ("for", "with", "at", "on") else words[0]
    kind = f"{words[0]} {words[1]}" if words[0] == "how" else first
    if {"cost", "pay", "spend"} & set(words):
        kind = "how much money"
    if kind in ("on", "which") and "day" in words:
        kind = "when"
    return kind, frozenset(words) - _EMPTY


def _clashes(tag: tuple[str, frozenset[str]], facts: list[Fact], *, loose: bool = False) -> bool:
    """Whether a question could be taken for one that is answered; `loose`, in any manner of time."""
    times = ("when", "how often") if loose else ()
    return any((tag[0] == f.tag[0] or (tag[0] in times and f.tag[0] in times)) and (tag[1] <= f.tag[1] or tag[1] >= f.tag[1]) for f in facts)


_PLURALS = frozenset(("ns", "ms", "qs", "rs", "gs"))


def _asking(s: Source, question: str) -> str:
    """Put what begins with a lower-case question word into a whole question."""
    if question.split(" ")[0] not in ("when", "why", "how", "what"):
        return question
    if s.chance(0.3):
        return f"{s.one_of(('Tell me', 'Please tell me', 'I want to know'))} {question.rstrip('?')}."
    return f"{s.one_of(('Do you know', 'Can you tell me', 'Could you tell me', 'Does it say'))} {question}"


def _facts(s: Source, pattern: Pattern, slots: dict[str, str]) -> list[Fact]:
    """The facts a pattern states with these words."""
    found = []
    bare = {slot: slots.get(slot.split("_")[0] if "_" in slot else slot[:-1] if slot in _PLURALS else slot, text) for slot, text in slots.items()}
    for asked in pattern.asked:
        canonical = _fill(asked.canonical, slots)
        questions = [canonical, canonical, *(_asking(s, _fill(more, slots)) for more in asked.more)]
        start, others = _STARTS.get(asked.slot.rstrip("2"), ("-", ()))
        if canonical.startswith(start + " ") and (start != "How long" or " take " in canonical or " need " in canonical):
            questions += [other + canonical[len(start) :] for other in others]
        found.append(Fact(canonical, questions, capital(_fill(asked.answer, slots)), slots[asked.slot], _tag(_fill(asked.canonical, bare))))
    return found


def occurs(value: str, text: str) -> bool:
    """Whether a value stands in a text as a word of its own."""
    at = text.find(value)
    while at >= 0:
        end = at + len(value)
        if not (text[at - 1 : at].isalnum() or text[end : end + 1].isalnum()):
            return True
        at = text.find(value, at + 1)
    return False


_COMMON = ("museum", "school", "farm", "ship", "hotel", "theatre", "festival", "club", "choir", "bakery", "factory", "bridge", "library", "team", "ferry", "garden", "tower", "orchestra", "brewery", "hospital", "gallery", "market", "workshop", "project", "race", "mill", "castle")


def _subject(s: Source) -> Subject:
    """Somebody or something to write about."""
    roll = s.rng.random()
    if roll < 0.3:
        name = w.person(s.rng, s.held)
        return Subject("p", name, ("She" if name.split()[0].endswith(("a", "e")) else s.one_of(("He", "He", "She")),))
    if roll < 0.45:
        return Subject("t", w.place(s.rng, s.held), ("It", s.one_of(("The town", "The place", "The village"))))
    if roll < 0.6:
        return Subject("o", w.company(s.rng, s.held), ("It", s.one_of(("The company", "The firm"))))
    noun = s.one_of(_COMMON) if s.chance(0.6) else _thing(s, "noun")
    name = w.invented_name(s.rng) if s.chance(0.5) else s.word(w.SURNAMES)
    named = f"the {name} {capital(noun)}" if s.chance(0.5) else f"the {name} {noun}"
    if s.chance(0.25):
        named = f"the {_thing(s, 'adj')} {noun}"
    kind = "o" if noun in _COMMON and noun not in ("ship", "bridge", "tower", "castle", "ferry", "race") else "x"
    return Subject(kind, named, ("It", f"The {noun}"))


@dataclass(slots=True)
class Said:
    """What a document has said so far."""

    text: str = ""
    facts: list[Fact] = field(default_factory=list)
    sentences: list[tuple[str, str]] = field(default_factory=list)
    used: list[tuple[Pattern, Subject, dict[str, object]]] = field(default_factory=list)


def _pattern(s: Source, subject: Subject, plain: float) -> Pattern:
    options = _BY_KIND["-"] if s.chance(plain) else _BY_KIND[subject.kind]
    return s.rng.choice(options)


_BY_KIND = {kind: [p for p in PATTERNS if kind in p.kinds] for kind in "-ptox"}
_NOBODY = Subject("-", "", ())


def _add(desk: Desk, said: Said, subject: Subject, pattern: Pattern, keep: dict[str, object], again: float) -> bool:
    """State a pattern, unless it would repeat a value or blur a question."""
    s = desk.s
    made = _drawn(desk, pattern, subject, keep)
    slots = _slots(s, made, subject.name)
    facts = _facts(s, pattern, slots)
    template = s.one_of(pattern.sentences)
    last = said.used[-1][1] if said.used else _NOBODY
    mention = subject.name
    if subject.again and last is subject and template.startswith("{S} ") and s.chance(again):
        mention = s.one_of(subject.again)
    sentence = _fill(template, {**slots, "S": mention})
    sentence = capital(sentence)
    for index, fact in enumerate(facts):
        if _clashes(fact.tag, said.facts) or _clashes(fact.tag, facts[:index]):
            return False
        if occurs(fact.value, said.text) or not occurs(fact.value, sentence):
            return False
        if fact.value in fact.canonical or (sentence.count(fact.value) > 1 and occurs(fact.value, sentence.replace(fact.value, "", 1))):
            return False
    if any(occurs(old.value, sentence) for old in said.facts):
        return False
    before = said.sentences[-1][1] if said.sentences else ""
    if mention in ("It", "He", "She") and len(before) < 80 and ", " not in before and " and " not in before and s.chance(0.25):
        sentence = f"{before[:-1]}, and {lower(sentence)}"
        said.sentences.pop()
        for old in said.facts:
            if old.sentence == before:
                old.sentence = sentence
    for fact in facts:
        fact.sentence = sentence
    said.facts += facts
    said.sentences.append((subject.name, sentence))
    said.used.append((pattern, subject, made))
    said.text += " " + sentence
    return True


def _changed(s: Source, pattern: Pattern, made: dict[str, object]) -> dict[str, object]:
    """The words of a sentence without its values and without one or two of its words."""
    roles = [role for role in made if role in _ROLES or role in _VERB_ROLES]
    dropped = s.rng.sample(roles, min(len(roles), 1 if s.chance(0.7) else 2))
    return {role: made[role] for role in roles if role not in dropped}


def _write(s: Source, count: int) -> tuple[Said, list[Subject], Desk]:
    """A document of about `count` facts."""
    desk = Desk(s, fresh=s.rng.choice((0.3, 0.5, 0.7)))
    subjects = [_subject(s) for _ in range(s.rng.choice((1, 1, 2, 2, 3)))]
    names = " ".join(subject.name for subject in subjects)
    said = Said(text=names)
    plain, again = s.rng.choice((0.1, 0.4, 0.7)), s.rng.choice((0.0, 0.5, 0.9))
    alike = s.rng.choice((0.15, 0.35, 0.6))
    current = s.rng.choice(subjects)
    for _ in range(count * 12):
        if len(said.facts) >= count:
            break
        if s.chance(0.25):
            current = s.rng.choice(subjects)
        if said.used and s.chance(alike):
            pattern, subject, made = s.rng.choice(said.used)
            keep = _changed(s, pattern, made)
            if subject.name and s.chance(0.4):
                others = [o for o in subjects if o is not subject and o.kind in pattern.kinds]
                if others:
                    subject, keep = s.rng.choice(others), {role: made[role] for role in made if role in _ROLES or role in _VERB_ROLES}
        else:
            pattern = _pattern(s, current, plain)
            subject, keep = (_NOBODY if pattern.kinds == "-" else current), {}
        _add(desk, said, subject, pattern, keep, again)
    while not said.facts:
        _add(desk, said, _NOBODY, s.rng.choice(_BY_KIND["-"]), {}, 0.0)
    return said, subjects, desk


def _layout(s: Source, said: Said, filler: float) -> str:
    """The sentences in running prose, with some that say nothing."""
    parts: list[str] = []
    named = [name for name, _ in said.sentences if name]
    if named and s.chance(0.3):
        parts.append(s.one_of(("This text is about {}.", "Here are some notes on {}.", "We want to tell you a few things about {}.", "A few words about {}.", "This page tells about {}.")).replace("{}", named[0]))
    fillers = s.rng.sample(FILLERS, len(FILLERS))
    for index, (name, sentence) in enumerate(said.sentences):
        parts.append(sentence)
        follows = said.sentences[index + 1][0] if index + 1 < len(said.sentences) else ""
        if fillers and follows != name and s.chance(filler):
            parts.append(fillers.pop())
    if s.chance(0.8) or len(parts) < 4:
        return " ".join(parts)
    size = s.rng.randrange(2, 6)
    between = s.one_of(("\n\n", "\n"))
    return between.join(" ".join(parts[i : i + size]) for i in range(0, len(parts), size))


def _gap(desk: Desk, said: Said, subjects: list[Subject]) -> Fact | None:
    """A question like those of the document that it doesn't answer."""
    s = desk.s
    for _ in range(25):
        if s.chance(0.75):
            pattern, subject, made = s.rng.choice(said.used)
            keep = _changed(s, pattern, made)
            if subject.name and s.chance(0.3):
                others = [o for o in subjects if o is not subject and o.kind in pattern.kinds]
                if others:
                    subject, keep = s.rng.choice(others), {role: made[role] for role in made if role in _ROLES or role in _VERB_ROLES}
        else:
            subject = s.rng.choice(subjects)
            pattern = _pattern(s, subject, 0.3)
            subject, keep = (_NOBODY if pattern.kinds == "-" else subject), {}
        facts = _facts(s, pattern, _slots(s, _drawn(desk, pattern, subject, keep), subject.name))
        fact = s.rng.choice(facts)
        values = [slot for slot in _SLOT.findall(next(a for a, f in zip(pattern.asked, facts, strict=True) if f is fact).canonical) if slot.rstrip("2") in _MAKERS]
        if not values and not _clashes(fact.tag, said.facts, loose=True) and fact.tag[1]:
            return fact
    return None


_ASKS = frozenset(("Who", "What", "When", "Where", "Why", "Which", "How", "In", "At", "On", "By", "For", "With", "From", "To", "Whose", "Whom"))
_WRAPS = ("According to the document, {q}", "According to the text, {q}", "Please tell me: {q}", "I'd like to know: {q}", "Question: {q}", "Can you tell me: {q}", "From the text: {q}", "Next question: {q}")


def _typed(s: Source, question: str) -> str:
    """A question as people type it."""
    roll = s.rng.random()
    if roll < 0.1:
        return s.one_of(_WRAPS).replace("{q}", lower(question)) if question.split(" ")[0] in _ASKS else question
    if roll < 0.25:
        return lower(question).rstrip("?") + s.one_of(("", "?"))
    if roll < 0.3:
        return question.rstrip("?")
    return capital(question)


def open_document(s: Source, talk: Talk) -> None:
    """A document of open words and questions on it over several turns."""
    talk.system()
    count = s.rng.randrange(13, 41) if s.chance(1 / 6) else s.rng.randrange(3, 13)
    said, subjects, desk = _write(s, count)
    while not said.facts:
        said, subjects, desk = _write(s, count)
    text = _layout(s, said, s.rng.choice((0.0, 0.2, 0.5)))
    wanted = min(s.rng.randrange(3, 15), 2 * len(said.facts))
    seen: set[str] = set()
    told: set[str] = set()
    turns = 0
    for _ in range(wanted * 3):
        if turns >= wanted:
            break
        roll = s.rng.random()
        left = [fact for fact in said.facts if fact.canonical not in told]
        fact = _gap(desk, said, subjects) if roll < 0.165 else s.rng.choice(left if left and s.chance(0.85) else said.facts)
        if fact is None:
            continue
        question = s.one_of(fact.questions)
        if question in seen:
            continue
        seen.add(question)
        told.add(fact.canonical)
        asked = capital(question) if 0.165 <= roll < 0.245 else _typed(s, question)
        thought = f"{fact.canonical} The document says {fact.value}."
        answer, value = fact.answer, fact.value
        if roll < 0.165:
            answer = value = UNKNOWN
            thought = f"{fact.canonical} The document doesn't say that."
        elif roll < 0.245:
            wrap = s.template(reading.QUOTE_WRAPS)
            if wrap.startswith("{q} ") and asked[-1] not in ".?!":
                asked += "?"
            asked, answer, value = wrap.replace("{q}", asked), fact.sentence, fact.sentence
        elif roll < 0.34:
            asked, answer = f"{asked}{'' if asked[-1] in '.?' else '?'} {s.template(reading.ONLY)}", fact.value
        talk.user(reading.with_document(s, text, asked) if turns == 0 else asked)
        talk.say(answer, thought, value)
        turns += 1
