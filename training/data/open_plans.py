"""What open tools do: verbs and nouns that belong together, parameters, and how a request
mentions them.

Tables only; `open_tools` reads them and builds tools and requests by rule.
"""

from __future__ import annotations

from training.data import words as w

ROWS = """
shop|order|cancel @id reason?, track @id, ship @id date?, refund @id amount?, split @id
shop|basket|empty, save title?, share email
shop|coupon|redeem @id, create percent days?, send to_person
shop|gift card|order amount to_person message?, block @id, recharge @id amount
shop|return|register id reason, accept @id
shop|price|raise product price, lower product price, compare product
shop|review|write product stars message, hide @id
office|meeting|schedule title date time members?, cancel @title, move @title date time?, extend @title minutes
office|meeting room|book room date time hours?, release room, clean room date?
office|document|print path copies? flag_duplex?, shred path, sign path, translate path language, rename path title
office|contract|renew @id until, terminate @id date reason?, draft company title
office|invoice|send @id email, pay @id account?, archive @id, dispute @id reason
office|desk|reserve @num date, assign @num person, move @num to_room
office|badge|issue person team, block @id, replace person reason?
office|visitor|announce @person company time, register @person company, escort @person to_room
office|expense|submit amount category date?, approve @id, reject @id reason
office|letter|write to_person message, post to_person flag_express?, scan path
home|lamp|turn on room, turn off room, dim room percent, paint colour
home|heating|set temperature room?, turn off room?, program temperature time
home|door|lock room, unlock room, open room, repair room date?
home|gate|lock, open minutes?, close time?, paint colour
home|shed|lock, open, clean date?
home|blinds|raise room percent?, lower room percent?, close room
home|alarm|arm mode?, disarm code, test time?, mute minutes
home|dishwasher|start program time?, stop, descale
home|vacuum robot|start room, dock, pause minutes
home|washing machine|start program temperature, stop, pause minutes
home|garden|water minutes, weed date?, fertilize date
home|curtain|wash temperature, order colour width, open room
home|sofa|clean date?, move to_room, order colour
travel|flight|book from_place to_place date, cancel @id, rebook @id date, track @id
travel|hotel|reserve place date nights guests?, rate @name stars, cancel @id
travel|train ticket|buy from_place to_place date class?, return @id, upgrade @id class
travel|seat|choose @num flag_window?, change @num, reserve @num date
travel|suitcase|check in weight, report @id colour, deliver @id place
travel|visa|request country date, extend @id days, renew @id until
travel|tour|join place date guests?, rate @title stars, plan place days
travel|taxi|call place time?, cancel, rate stars
travel|pass|renew until, buy days zone?, freeze from_date
travel|bike|rent place hours, return place, unlock @id
health|appointment|book person date time, move @id date time?, confirm @id, cancel @id
health|prescription|renew @id, send @id place, print @id
health|patient|admit @person room, discharge @person date, weigh @person, transfer @person to_team
health|blood test|order to_patient date, repeat date, explain @id
health|vaccine|record product date, order product quantity
health|workout|log hobby minutes, plan hobby date, share email
health|meal|log food calories, plan food date, rate food stars
health|pulse|measure minutes?, record pulse time
health|pill|take product time, order product quantity, count product
game|player|ban @nick days reason?, invite @nick, promote @nick rank, mute @nick minutes
game|match|start players map?, pause, replay @id, record minutes
game|level|skip @num, unlock @num, restart @num difficulty?
game|sword|sharpen, sell coins, enchant word, throw direction
game|castle|build place colour?, attack @name units, defend @name units
game|potion|brew word quantity, drink word, sell word coins
game|dragon|feed food, tame @name, ride to_place
game|quest|accept @title, abandon @title, share @title to_nick
finance|payment|send amount to_person iban? note?, cancel @id, schedule amount date, split amount members
finance|account|open currency person, close @id reason?, freeze @id, rename @id title
finance|card|block @id reason?, activate @id code, order colour? , replace @id
finance|loan|request amount months, repay @id amount, extend @id months
finance|budget|set amount category, raise category amount, reset category
finance|share|buy company quantity, sell company quantity, watch company price
finance|currency|convert amount from_currency to_currency
finance|tax return|file year, correct year note, print year
finance|bill|split amount members, pay @id, forward @id email
finance|savings goal|create title amount until?, delete @title, pause @title
school|exam|grade @id score, schedule subject date, postpone subject date
school|pupil|enrol @person class_name, excuse @person date reason?, praise @person message
school|lesson|plan subject date, cancel subject date, move subject time
school|homework|assign subject pages until, collect subject, grade person score
school|classroom|reserve @num date time?, heat @num temperature, air @num
school|school trip|announce place date, plan place budget, cancel place
school|essay|submit title words?, grade @title score, publish @title
school|timetable|print class_name, change class_name date, copy class_name
devops|deployment|start service env version?, roll back service env, pause service
devops|server|restart @service flag_force?, stop @service, resize @service memory, rename @service title, ping @service
devops|database|back up @service path?, restore @service date, migrate @service version, compact @service
devops|branch|merge @code, delete @code, create code, protect @code
devops|pipeline|run @service env?, cancel @id, retry @id
devops|container|scale @service replicas, kill @service, inspect @service
devops|certificate|renew domain days?, revoke domain, install domain
devops|alert|silence @service minutes, acknowledge @id, escalate @id to_team
devops|cache|flush service, warm service, resize service memory
devops|secret|rotate service, store code, share code to_team
devops|log|rotate service, tail service lines, compress path
farm|tractor|refuel litres, repair date, park place, rent hours
farm|field|plough @num, irrigate @num minutes, fence @num, measure @num
farm|cow|milk @num, weigh @num, move @num to_field, tag @num colour
farm|barn|clean date?, paint colour, heat temperature
farm|pump|start minutes?, stop, check date, replace date
farm|harvest|record product weight, sell product price, store product place
farm|greenhouse|air minutes, heat temperature, water litres
farm|fence|repair meters, paint colour, inspect date?
farm|seeds|order product quantity, sow product field, store product temperature
library|book|lend @title to_person until?, reserve @title, renew @title until, return @title, donate @title
library|shelf|label @num title, dust @num, clear @num
library|reader|register @person email, warn @person message, suspend @person days
library|reading room|book @num date, close @num hours, tidy @num
library|newspaper|order title, scan title date, archive title
chat|channel|create title flag_private?, archive @title, mute @title hours, join @title, leave @title
chat|message|send to_person message, pin @id, delete @id, forward @id to_person, translate @id language
chat|poll|start title options, close @title, share @title
chat|member|invite email, remove @person, promote @person rank, block @nick
chat|status|set word until?, clear, share to_person
chat|call|start members flag_video?, record minutes, join @id, end
warehouse|pallet|move @num to_zone, wrap @num, weigh @num, scan @id
warehouse|crate|stack @num to_zone, open @num, ship @num place, label @num product
warehouse|parcel|weigh @id, ship @id weight? place, return @id reason?, insure @id amount
warehouse|forklift|charge @num, park @num zone, inspect @num
warehouse|stock|count product, adjust product quantity, reorder product quantity until?
warehouse|supplier|rate @company stars, email @company message, block @company reason
warehouse|truck|load @id zone, unload @id, dispatch @id place time?
warehouse|container|seal @id, unseal @id, locate @id, rent size
museum|exhibition|open @title date, extend @title until, close @title, advertise @title budget
museum|painting|hang @title room, restore @title budget?, insure @title amount, lend @title place, photograph @title
museum|audio guide|rent language, return @num, charge @num
museum|statue|clean @title, move @title to_room, measure @title
museum|guided tour|book date guests language?, cancel @id, lead time
museum|ticket|buy quantity date?, refund @id, validate @id, print @id
sports|team|create title sport?, disband @title, rename @title word, train @title hours
sports|training|schedule sport date time, cancel date, log sport minutes
sports|court|book @num date hours?, sweep @num, light @num
sports|goal|record person minute, delete @id, celebrate
sports|race|join title distance?, start title, time person
sports|referee|assign @person date, pay @person amount, rate @person stars
sports|league table|print year, update date, share email
kitchen|oven|preheat temperature, turn off, clean, set temperature minutes
kitchen|recipe|save title servings?, scale @title servings, share @title email, print @title
kitchen|cake|bake food minutes, order food date, decorate colour
kitchen|soup|cook food minutes, freeze food, serve guests
kitchen|table|reserve @num time guests?, wipe @num, lay guests
kitchen|shopping list|print, share to_person, add product quantity?
kitchen|dish|recommend guests, remove @food, price @food price
kitchen|coffee|brew cups strength?, grind grams, order size
kitchen|fridge|cool temperature, defrost, clean date
car|car|lock, unlock, wash program?, park place, warm up minutes, sell price
car|tyre|change @num date?, inflate pressure, order size quantity
car|van|rent hours place?, refuel litres, inspect date, return date
car|engine|start, stop, check date, tune date?
car|parking ticket|pay @id, dispute @id reason, extend hours
car|charger|start power?, stop, reserve place time
car|trunk|open, close, clean
music|song|play @title volume?, skip, record @title, like @title, transpose @title steps
music|playlist|create title flag_public?, shuffle @title, delete @title, share @title to_person
music|guitar|tune pitch?, record minutes, amplify percent
music|concert|record @title, announce place date, stream @title quality?
music|volume|set percent, mute, reduce percent
music|album|buy @title, rate @title stars, download @title quality?
photo|photo|crop path width height, rotate path degrees, resize path width, upload path album?, caption path message
photo|logo|resize width height?, recolour colour, export format, place position
photo|video|trim path seconds, upload path flag_private?, compress path quality?, mute path
photo|album|create title tags?, share email, rename @title word
photo|camera|focus meters, mount place, charge hours, rent days
photo|frame|order width height colour?, hang room, colour colour
photo|slide show|start seconds, stop, loop
map|route|plan from_place to_place flag_tolls?, save title, share to_person, print from_place to_place
map|pin|drop place, move place, label word, delete @id
map|area|measure place, mark place colour, download place
map|map|zoom percent, rotate degrees, print size, export format
map|landmark|add title place, photograph @title, describe @title language
government|passport|renew until, request date, replace reason
government|permit|apply for street date, extend @id days, revoke @id reason
government|complaint|file message, forward @id to_team, withdraw @id
government|address|register street place, change street, confirm street
government|birth|register person date, certify person
government|vote|cast option, count place, register person
government|street light|report street, replace street, dim street percent
government|petition|start title, sign @title, close @title date
government|road|close street date, repave street, rename street title
post|stamp|buy quantity country?, print @id, collect country
post|mailbox|empty @num, install street, repair @num
post|courier|call street time, tip amount, rate stars
hotel|room|clean @num, book @num date nights, upgrade @num class, heat @num temperature
hotel|guest|check in @person room, check out @person, greet @person language, bill @person amount
hotel|towel|replace room, order quantity colour?, wash temperature
hotel|breakfast|order room food time?, skip room, serve time
zoo|animal|feed @animal food, weigh @animal, vaccinate @animal date, adopt @animal
zoo|cage|clean @num, lock @num, open @num, enlarge @num meters
zoo|aquarium|drain litres, fill litres, clean date
church|bell|ring times, repair date, tune
theatre|stage|light colour, sweep, book date hours
theatre|costume|rent size date, wash colour, repair date?
theatre|curtain|raise time?, drop, dye colour
lab|sample|freeze @id temperature, label @id word, discard @id, heat @id temperature minutes
lab|microscope|reserve date hours?, calibrate, clean date
lab|experiment|start title, repeat @title times, stop @title
lab|sensor|calibrate @id, install place, read @id, replace @id
energy|solar panel|clean date?, install place quantity, rotate degrees
energy|battery|charge percent, discharge percent, replace date
energy|boiler|start temperature, stop, service date
energy|meter|read @id, install street, seal @id
weather|storm warning|issue place level, lift place, translate language
hr|employee|hire @person team salary?, promote @person rank, transfer @person to_team, thank @person message
hr|holiday|request from_date until, approve @id, cancel @id
hr|shift|swap date to_person, assign date person, extend minutes
hr|job advert|publish title until?, translate language, withdraw @id
hr|salary|raise person percent, pay person date, calculate hours
print|poster|design title colour?, print copies size?, hang room
print|book cover|design title colour, print copies, laminate
garden|tree|plant word place?, prune date, cut date, water litres
garden|lawn|mow date?, water minutes, roll
garden|hedge|trim height, plant meters, water minutes
boat|sail|hoist, lower, mend date, order colour width
boat|anchor|drop depth?, raise, clean
boat|boat|rent hours guests?, moor place, paint colour, refuel litres
news|article|publish @title date?, translate @title language, shorten @title words, delete @title
news|newsletter|send team title, schedule title date, cancel @title
news|headline|change title, translate language, shorten words
"""
GETS = """
car|mileage|van;car|price|tyre;car|range|battery;car|fuel level|tractor;car|speed|bus @num;car|location|truck @id;car|owner|car @id
shop|price|order @id;shop|status|order @id;shop|weight|parcel @id;shop|rating|seller @company;shop|delivery date|order @id;shop|stock|store @place
office|agenda|meeting @title;office|capacity|room @num;office|phone number|visitor @person;office|deadline|contract @id;office|author|report @title
home|temperature|kitchen;home|humidity|cellar;home|power use|washing machine;home|water level|tank @num
travel|gate|flight @id;travel|departure time|train @id;travel|distance|hotel @name;travel|exchange rate|country @country;travel|delay|bus @num
health|pulse|patient @person;health|dose|prescription @id;health|blood type|donor @person;health|result|test @id
game|score|player @nick;game|rank|player @nick;game|health|dragon @name;game|reward|quest @title
finance|balance|account @id;finance|interest rate|loan @id;finance|share price|company @company;finance|limit|card @id
school|grade|pupil @person;school|teacher|class @class_name;school|topic|lesson @num;school|age|pupil @person
devops|uptime|server @service;devops|version|service @service;devops|error rate|service @service;devops|memory use|container @service;devops|expiry date|domain @domain
farm|yield|field @num;farm|age|cow @num;farm|milk price|dairy @company;farm|soil moisture|field @num
library|author|book @title;library|due date|book @title;library|fine|reader @person;library|shelf mark|book @title
chat|topic|channel @title;chat|time zone|member @person;chat|language|message @id
warehouse|position|pallet @num;warehouse|content|crate @num;warehouse|weight|container @id;warehouse|temperature|hall @num
museum|value|painting @title;museum|artist|statue @title;museum|opening time|museum @place;museum|height|statue @title
sports|score|match @id;sports|coach|team @name;sports|record|runner @person;sports|surface|court @num
kitchen|cooking time|recipe @title;kitchen|calories|dish @food;kitchen|temperature|oven;kitchen|allergens|dish @food
music|length|song @title;music|singer|song @title;music|release year|album @title;music|tempo|song @title
photo|size|photo @path;photo|resolution|video @path;photo|camera model|photo @path
map|population|city @place;map|altitude|village @place;map|length|river @name;map|postcode|street @street
government|status|permit @id;government|fee|passport;government|mayor|town @place;government|opening hours|office @place
hotel|rate|room @num;hotel|floor|room @num;zoo|diet|animal @animal;zoo|weight|animal @animal
lab|acidity|sample @id;lab|reading|sensor @id;energy|output|solar panel @num;energy|pressure|boiler;weather|forecast|city @place;weather|wind speed|harbour @place
hr|salary|employee @person;hr|start date|employee @person;news|word count|article @title;boat|depth|harbour @name;boat|length|boat @name
"""
LISTS = """
office|chairs|room @num;office|documents|folder @title;office|visitors|building @name;home|lamps|room @room;shop|reviews|product @product;shop|items|order @id
devops|entries|access log;devops|errors|service @service;devops|commits|branch @code;devops|pods|cluster @service;devops|requests|server @service
finance|payments|account @id;finance|transactions|card @id;school|pupils|class @class_name;school|questions|exam @id;farm|cows|barn @num;farm|eggs|nest @num
library|copies|shelf @num;library|loans|reader @person;chat|messages|channel @title;chat|members|group @title;warehouse|boxes|pallet @num;warehouse|crates|zone @zone
museum|paintings|gallery @num;sports|players|team @name;sports|matches|season @num;kitchen|ingredients|recipe @title;music|songs|playlist @title;photo|photos|album @title
map|villages|valley @name;government|complaints|district @num;hotel|guests|hotel @name;zoo|animals|cage @num;lab|samples|freezer @num;travel|seats|coach @num
hr|employees|team @team;news|articles|issue @num;game|coins|chest @num;game|players|match @id;health|patients|ward @num;post|letters|mailbox @num;car|trips|car @id
"""

PARAMS = """
date|string|day|date;day;when|on {};on {};on {};for {};The {k} is {}.;It should be on {}.
from_date|string|day|from date;start date;from|from {};starting on {};from {} on;It starts on {}.
until|string|day|until;end date;valid until|until {};until {};up to {};till {};It should be valid until {}.
time|string|clock|time;start time;at time|at {};at {};for {};at {} sharp;The time is {}.
person|string|person|person;name;employee|for {};for {};on behalf of {};with {};The name is {}.;It's for {}.
to_person|string|person|recipient;receiver;to person|to {};to {};to {};for {};The recipient is {}.
to_patient|string|person|patient;patient name|for {};for patient {};The patient is {}.
to_nick|string|nick|player;friend|with {};with player {}
to_team|string|team|team;department;target team|to {};to the {} team;to the {} department;The {k} is {}.
team|string|team|team;department|for {};for the {} team;in the {} department;The {k} is {}.
place|string|place|place;city;location;town|in {};in {};near {};The {k} is {}.;It's in {}.
from_place|string|place|origin;from city;start|from {};from {};starting in {};leaving from {}
to_place|string|place|destination;to city;target|to {};to {};to {};going to {};The destination is {}.
street|string|street|street;address|in {};at {};on {};The {k} is {}.
country|string|country|country;country name|for {};to {};with {} as the country;The country is {}.
company|string|company|company;firm;company name|from {};from the company {};of the company {};with the company {};The company is {}.
id|string|ident|id;reference;number;code|with {k} {};under {k} {};{k} {};The {k} is {}.;My {k} is {}.
account|string|ident|account;account number;from account|from account {};with account {};My account number is {}.
code|string|code|name;code name;key|called {};named {};with the name {};The name is {}.
iban|string|ident|account number;iban|to account {};with account number {};The account number is {}.
service|string|code|service;app;service name|of {};for {};for the service {};on {};The service is {}.
domain|string|domain|domain;host|for {};of {};for the domain {};The domain is {}.
env|enum|staging/production/test/preview|environment;env;stage|in {};on {};to {};in the {} environment;{k} {};The {k} is {}.
version|string|version|version;release|at version {};with version {};version {};The version is {}.
path|string|path|file;path;file name|from {};from {};in {};for the file {};The file is {}.
title|string|title|title;name;label|called {};named {};with the {k} {};titled {};The {k} is {}.;{k}: {}
word|string|word|name;kind;word|called {};named {};with the {k} {};The {k} is {}.
room|string|room|room;room name|in the {};in the {};in the {};for the {};The room is the {}.
to_room|string|room|room;new room;target room|to the {};to the {};into the {};The {k} is the {}.
zone|string|zone|zone;area|in zone {};in {};at zone {};The zone is {}.
to_zone|string|zone|zone;target zone|to zone {};to {};in zone {};The zone is {}.
class_name|string|classname|class;class name;group|for class {};of class {};of {};for {};The class is {}.
subject|string|subject|subject;course;topic|for {};in {};for {};The {k} is {}.
sport|string|hobby|sport;activity|for {};in {};The {k} is {}.
hobby|string|hobby|activity;exercise|of {};for {};with {};The {k} is {}.
food|string|food|food;dish;kind|with {};of {};with {} as the {k};The {k} is {}.
product|string|product|product;item;article|for the {};of the {};with the {};The {k} is {}.
colour|string|colour|colour;color|in {};in {};with {} as the {k};coloured {};in the {k} {};The {k} is {}.;It should be {}.
language|string|language|language;lang;target language|in {};into {};to {};with {} as the language;The language is {}.
email|string|email|email;address;email address;recipient|to {};for {};with {};by mail to {};The {k} is {}.;My e-mail is {}.
message|string|msg|message;text;content|"saying {};with the text ""{}"";saying ""{}"";with the {k} ""{}"";with this {k}: {};The {k} is ""{}"".
note|string|msg|note;comment;remark|with the note ""{}"";with the {k} ""{}"";with this {k}: {}
reason|string|reason|reason;cause|because of {};due to {};The {k} is {}.;with {} as the {k};for the reason {};{k}: {}
category|string|noun|category;kind|for {};in the category {};under {};The {k} is {}.;{k} {}
option|string|word|option;candidate|for {};in favour of {}
options|array|nouns|options;choices;answers|with the {k} {};with {} as {k};{k}: {}
tags|array|nouns|tags;labels;keywords|with the {k} {};tagged {};{k}: {}
members|array|firsts|members;people;names;participants|with {};for {};between {};The {k} are {}.
rank|enum|junior/senior/captain/leader/admin/veteran|rank;role;grade|to {};to the {k} {};with the {k} {};The new {k} is {}.
mode|enum|home/away/night/holiday|mode|in {} mode;with mode {};mode {};The mode is {}.
program|enum|eco/quick/intensive/normal|program;programme|in {k} {};with the {} {k};with {k} {};{k} {}
class|enum|economy/business/first/comfort|class;category|in {} {k};to {} {k};{k} {};The {k} is {}.
difficulty|enum|easy/normal/hard/extreme|difficulty;level|with {k} {};on {};{k} {};The {k} should be {}.
strength|enum|mild/medium/strong|strength|with {k} {};{k} {};It should be {}.
size|enum|small/medium/large/huge|size;format|in size {};size {};in {};with the {k} {};The {k} is {}.
quality|enum|low/medium/high/original|quality|in {} quality;with quality {};quality {};with {} quality;The {k} should be {}.
direction|enum|north/south/east/west/left/right|direction|to the {};in {k} {};{k} {}
position|enum|top/bottom/center/left/right|position;corner|at {k} {};at the {};{k} {};The {k} is {}.
format|enum|pdf/png/csv/svg/jpeg/xml|format;file type|as {};in {k} {};to {};in {} {k};The {k} is {}.
level|enum|yellow/orange/red|level;severity|with level {};at {k} {};{k} {};The {k} is {}.
priority|enum|low/normal/high/urgent|priority|with {} priority;with priority {};priority {};at priority {};The priority is {}.
currency|string|currency|currency|in {};with {} as the currency;The currency is {}.
from_currency|string|currency|from;from currency;source|from {};from {}
to_currency|string|currency|to;to currency;target|to {};into {}
sold|string|product|item;product|with a {};with the {}
stars|integer|stars|stars;rating;score|with {} stars;with {k} {};with {} stars;{} stars;The {k} is {}.
quantity|integer|small|quantity;count;amount;number|{k} {};with a {k} of {};in a {k} of {};The {k} is {}.
copies|integer|small|copies;copy count;number of copies|in {} copies;with {} copies;{k} {};I need {} copies.
players|integer|few|players;player count|with {} players;for {} players;There are {} players.
guests|integer|few|guests;people;persons|for {} {k};with {} {k};There will be {} of us.
servings|integer|few|servings;portions|for {} {k};to {} {k};with {} {k};{k} {}
nights|integer|few|nights;number of nights|for {} nights;{} nights;I will stay {} nights.
days|integer|small|days;number of days|for {} days;by {} days;{} days
months|integer|small|months;term|over {} months;by {} months;for {} months;with a term of {} months
hours|integer|few|hours;duration;length|for {} hours;for {} hours;{k} {};with a {k} of {} hours
minutes|integer|mins|minutes;duration;time|for {} minutes;for {} minutes;by {} minutes;{} minutes
seconds|integer|mins|seconds;interval|to {} seconds;with {} seconds;{k} {};every {} seconds
minute|integer|mins|minute|in minute {};at minute {};minute {};It was in minute {}.
times|integer|few|times;repetitions|{} times;{} times;{k}: {}
lines|integer|mins|lines;line count|with {} lines;for {} lines;{} lines
words|integer|big|words;word count|to {} words;with {} words;It has {} words.
year|integer|year|year;tax year|for {};for the {k} {};for {};The {k} is {}.
score|number|decimal|score;points;mark|with {} points;with a {k} of {};{k} {};The {k} is {}.
amount|number|money|amount;sum;value|for {};for {};with {} as the {k};with a {k} of {};The {k} is {}.;{k} {}
budget|number|money|budget;limit|with a {k} of {};{k} {};The {k} is {}.;Our {k} is {}.
price|number|money|price;cost|at {};for {};at a {k} of {};with the {k} {};The {k} is {}.
salary|number|money|salary;pay|with a {k} of {};for {};{k} {};The {k} is {}.
coins|integer|big|coins;price|for {} coins;at {} coins;{k} {}
units|integer|small|units;soldiers|with {} {k};using {} {k};{k}: {}
temperature|number|temp|temperature;degrees|to {} degrees;at {} degrees;with a {k} of {};The {k} should be {}.
percent|integer|pct|percent;level;percentage|to {} percent;by {} percent;to {}%;at {} percent;with {} percent;{k} {}
weight|number|decimal|weight;kg;weight kg|with a weight of {};of {} kg;weighing {} kg;It weighs {} kg.;The weight is {}.
width|integer|big|width;w|with a width of {};to a width of {};width {};with width {};The width is {}.
height|integer|big|height;h|with a height of {};at a height of {};height {};with height {};The height is {}.
degrees|integer|pct|degrees;angle|by {} degrees;with an angle of {};{k} {};{} degrees
depth|number|decimal|depth;meters|at a depth of {};{k} {};at {} meters
meters|number|decimal|meters;length;distance|of {} meters;by {} meters;over {} meters;with a {k} of {}
distance|number|decimal|distance;km|over {} km;with a {k} of {};The {k} is {} km.
litres|number|decimal|litres;volume;quantity|with {} litres;by {} litres;{k} {};with a {k} of {}
grams|integer|big|grams;weight|{} grams;with a weight of {} grams;{k} {}
cups|integer|few|cups;portions|for {} {k};{} cups;It's for {} cups.
calories|integer|big|calories;energy|with {} calories;{k} {};It has {} calories.
pulse|integer|pct|beats;rate|at {} beats;with {k} {};It was {} beats.
pages|integer|small|pages;page count|with {} pages;over {} pages;{k} {}
field|integer|small|field;field number|in field {};in field {};on field {}
to_field|integer|small|field;field number|to field {};to field {};onto field {}
map|string|title|map;map name|on the map {};with map {};The map is {}.
pitch|number|decimal|pitch;frequency|to {};to a {k} of {};at {k} {}
pressure|number|decimal|pressure;bar|to {} bar;to a {k} of {};at {} bar
power|number|decimal|power;kilowatts|at {} kilowatts;with a {k} of {};{k} {}
volume|integer|pct|volume;loudness|at {k} {};with a {k} of {};{k} {}
steps|integer|few|steps;semitones|by {} {k};up {} {k};down {} {k}
memory|integer|big|memory;megabytes|to {} megabytes;with {} megabytes;with a {k} of {};{k} {}
replicas|integer|few|replicas;instances|to {} {k};with {} {k};{k} {}
album|string|title|album;album name|to the album {};in the album {};The album is {}.
"""
FLAGS = """
duplex|a|duplex;double sided
express|a|express;urgent
window|n|a window;window
force|n|force;force
private|a|private;hidden
public|a|public;open
video|n|video;video
tolls|n|tolls;tolls
"""
ADJ_FLAGS = ["private", "public", "urgent", "secret", "permanent", "shared", "silent", "anonymous", "automatic", "recurring", "visible", "hidden", "confidential", "temporary", "official", "optional", "locked", "pinned", "insured", "weekly"]
NOUN_FLAGS = ["notifications", "breakfast", "subtitles", "insurance", "delivery", "reminders", "comments", "sound", "shadows", "labels", "backups", "logging", "music", "captions", "attachments", "wifi", "parking", "music", "gift_wrap", "toppings", "lights", "logs", "details", "headers"]
ON_FLAGS = ["heating", "lights", "alarm", "radio", "camera", "fan", "air_conditioning", "microphone", "flash", "screen", "engine", "water", "autopilot", "debug_mode", "night_mode", "wifi", "sound"]
KEYS = ["width", "height", "length", "depth", "weight", "quantity", "limit", "amount", "score", "level", "speed", "size", "capacity", "distance", "volume", "pressure", "angle", "rate", "price", "fee", "quota", "version", "floor", "row", "column", "page", "section", "lane", "platform", "bay", "slot", "zone", "batch", "radius", "thickness", "brightness", "contrast", "opacity", "duration", "delay", "interval", "timeout", "threshold", "maximum", "minimum", "age", "rank", "round", "voltage", "power", "frequency", "dose", "portion", "budget", "discount", "deposit", "bonus", "seed", "offset", "margin", "padding", "index", "chapter", "verse", "aisle", "shelf", "drawer"]
TEXT_KEYS = ["material", "brand", "flavour", "style", "theme", "model", "genre", "type", "pattern", "shape", "owner", "sponsor", "region", "sector", "label", "keyword", "tag", "topic", "season", "mood", "texture", "fabric", "finish", "filling", "topping", "provider", "vendor", "author", "tool", "station", "branch", "scheme", "layout", "font", "profile", "character"]
VERBS = w.Pool.of("""
add adjust announce approve archive arrange assemble assign attach audit bake balance block book borrow brew build buy calibrate cancel carry catch
charge check choose clean close collect compress copy cover create cut decorate delay deliver describe design dig dim discard display donate download
draw drop dry dye edit empty enlarge evaluate examine exchange expand export extend fasten feed fetch fill filter fix fold forward freeze grind hang heat
hide highlight hire import inspect install insure invite join label launch lend lift list load locate lock log magnify mark measure melt mix mount move
mute open order pack paint park paste pause peel pick pin plan plant play polish post pour press print promote prune publish pull push rate record
register release remove rename rent repair replace report request reserve reset resize restore return review rinse rotate save scan schedule seal sell
send sew share sharpen ship shorten shuffle sign skip slice sort split stack start stop store submit sweep swap test tidy tighten track train translate
trim tune unlock unpack update upload validate verify wash water weigh wipe withdraw wrap
""")
NOUNS = w.Pool.of("""
account airbag anchor antenna apron arch armchair arrow article axle badge bag balcony ball bandage banner barrel basin basket bathtub beam bean bell belt
bench beam bicycle bin blanket blender board boat bolt bonnet book boot bottle bowl box bracelet brake branch brick bridge broom brush bucket bulb bumper
bundle button cabin cabinet cable cage cake calendar camera candle canvas card carpet cart case casket ceiling cell chain chair chart chest chimney clamp
clock cloth coat coin collar column comb compass cone contract cord counter coupon course crane crate crown cube cup cupboard cushion dam deck desk diagram
dial diary disk ditch dock doll door drain drawer dress drill drum dryer duct ear_plug easel elevator engine envelope exhibit fan faucet feather fence file
filter flag flask floor flower flute folder fork fountain frame freezer fuse garage garden gate gauge gear glass glove goal grate grill guitar gutter hammer
hammock handle hanger harbour harness hat heater hedge helmet hinge hook horn hose house hut icon igloo invoice jacket jar jug keyboard kettle key kite knife
knot label ladder lamp lantern latch lawn leaflet lens letter lever lid list locker log machine magnet mailbox manual map mask mast mat mattress medal meter
microphone mirror mixer monitor mop motor mug nail napkin necklace needle net nest note notebook nozzle oar oven package paddle page paint_pot pan panel paper
parachute parcel path pedal pen pencil phone piano picture pie pillar pillow pipe pitcher plan plate platform plug pocket podium pole pool poster pot printer
projector prop pump puppet puzzle quilt rack radiator radio raft rail rake ramp receipt record reel report ribbon ring road robe robot rod roof rope rotor rug
ruler saddle safe sail sample sandwich saw scale scarf scooter screen screw sculpture seat sensor sheet shelf shirt shoe shovel shower shutter sign signal sink
skirt sledge sleeve slide socket sofa spade speaker spoon spring sprinkler stage stair stamp statue stool stove strap stroller suitcase sweater switch table tablet
tank tap tarpaulin tent terrace thermostat ticket tile tool tower toy tractor trailer train tray trolley trophy trumpet tube tunnel turbine tyre umbrella valve
van vase vest violin wagon wall wallet wardrobe watch well wheel whistle window wing wire workbench wreath yacht zip
""")
FREE_PARTS = ["date", "from_date", "until", "time", "person", "to_person", "team", "place", "to_place", "street", "company", "code", "path", "title", "room", "zone", "colour", "language", "email", "message", "reason", "tags", "members", "size", "quality", "format", "priority", "quantity", "copies", "guests", "days", "hours", "minutes", "times", "amount", "price", "temperature", "percent", "weight", "width", "height", "meters"]
MAKING = frozenset(["create", "book", "order", "buy", "write", "schedule", "request", "register", "add", "build", "bake", "cook", "brew", "design", "plan", "issue", "draft", "hire", "call", "rent", "reserve", "plant", "announce", "submit", "publish", "print", "arrange"])

SAME = tuple(frozenset(group.split()) for group in (
    "cancel delete remove discard withdraw terminate revoke abandon drop empty clear kill block ban abort", "reserve book order buy request rent hire borrow choose pick", "start run launch play begin open turn_on activate create arm",
    "stop close end turn_off pause mute silence disarm freeze suspend lock disband", "send forward share post ship deliver email dispatch return", "fix repair mend service restore replace change restart update edit adjust correct swap exchange",
    "check inspect examine test evaluate review validate verify audit read track locate describe explain", "clean wash wipe sweep dust tidy rinse", "plan schedule arrange move postpone rebook", "save store archive keep record log register file report submit add upload back_up create",
    "raise lift hoist increase enlarge expand extend renew promote upgrade scale", "lower reduce shorten cut trim compress compact resize crop", "set change adjust program", "label tag mark pin highlight name rename caption", "publish announce advertise post issue",
    "water irrigate", "weigh measure", "decorate paint colour dye recolour", "unlock open unseal", "seal lock close wrap", "accept approve confirm acknowledge sign", "refund return repay", "list count show display", "build make bake cook brew assemble design draft write create", "remove unload empty drain", "fill refuel load charge inflate recharge", "build install mount hang attach place", "restart reset retry repeat replay", "protect insure", "join merge", "pay repay tip bill", "grade rate praise price", "invite call greet hire enrol admit add", "heat warm warm_up preheat",
))
"""Verbs that somebody might say for one another: never two of them with one noun."""

IRREGULAR = dict(pair.split(":") for pair in ["back:backed", "buy:bought", "build:built", "bake:baked", "sell:sold", "send:sent", "lend:lent", "pay:paid", "repay:repaid", "repave:repaved", "write:written", "take:taken", "drink:drunk", "ride:ridden", "throw:thrown", "hang:hung", "cut:cut", "set:set", "choose:chosen", "drop:dropped", "plan:planned", "stop:stopped", "ship:shipped", "trim:trimmed", "tag:tagged", "pin:pinned", "wrap:wrapped", "swap:swapped", "skip:skipped", "ban:banned", "sow:sown", "read:read", "split:split", "mow:mown", "lay:laid", "log:logged", "zip:zipped", "freeze:frozen", "dig:dug", "draw:drawn", "feed:fed", "grind:ground", "hide:hidden", "melt:melted", "sew:sewn", "shut:shut", "sweep:swept", "ring:rung", "withdraw:withdrawn", "time:timed", "dim:dimmed", "crop:cropped", "scan:scanned", "rename:renamed", "tip:tipped", "lead:led", "flip:flipped", "roll:rolled", "label:labelled", "cancel:cancelled", "enrol:enrolled", "admit:admitted", "submit:submitted", "transfer:transferred", "unpack:unpacked", "put:put", "hit:hit", "program:programmed", "refuel:refuelled", "control:controlled", "catch:caught", "make:made", "give:given", "loop:looped", "mop:mopped", "stir:stirred", "map:mapped", "chat:chatted", "expel:expelled", "pack:packed", "defer:deferred", "shred:shredded", "commit:committed", "unzip:unzipped", "prune:pruned", "air:aired", "dye:dyed"])

HEADS = (
    "{v} {o}", "{v} {o}", "Please {v} {o}", "please {v} {o}", "{v} {o} please", "I'd like to {v} {o}", "I want to {v} {o}", "I need to {v} {o}", "We need to {v} {o}", "We want to {v} {o}", "I have to {v} {o}",
    "[Can|Could|Would] you {v} {o}", "[can|could] you [please|] {v} {o}", "Could you please {v} {o}", "Let's {v} {o}", "I would like you to {v} {o}", "We'd like to {v} {o}", "Help me [to|] {v} {o}", "I wish to {v} {o}",
    "We need {o} {p}", "I need {o} {p}", "I'd like {o} {p}", "I want {o} {p}", "{O} needs to be {p}", "{O} has to be {p}", "{O} should be {p}", "{O} must be {p}", "Have {o} {p}", "Get {o} {p}", "Can {o} be {p}", "We want {o} {p}",
    "Go ahead and {v} {o}", "Make sure to {v} {o}", "You can {v} {o} [now|]", "It's time to {v} {o}", "Is it possible to {v} {o}", "Are you able to {v} {o}", "Can I {v} {o}", "May I {v} {o}", "Can we {v} {o}", "I'm calling to {v} {o}",
    "My [boss|wife|husband|brother|colleague] asked me to {v} {o}", "The [customer|manager|owner] wants to {v} {o}", "I was asked to {v} {o}", "[Hi|Hello|Hey], [can|could] you {v} {o}", "[Hi|Hello], I'd like to {v} {o}", "I'm planning to {v} {o}", "We have to {v} {o} [now|today|]",
    "[Now|Next] {v} {o}", "Don't forget to {v} {o}", "Remember to {v} {o}", "Would you be able to {v} {o}", "I need you to {v} {o}", "We are going to {v} {o}", "The next step is to {v} {o}", "Someone has to {v} {o}", "I'd be glad if you could {v} {o}",
)
PLAIN_HEADS = ("{v} {o}", "{v} {o}", "{v} {o}", "please {v} {o}", "I need to {v} {o}", "I'd like to {v} {o}", "{v} {o}")
GET_HEADS = (
    "What is the {a} of {o}?", "What's the {a} of {o}?", "what is the {a} of {o}", "Tell me the {a} of {o}", "Show me the {a} of {o}", "show the {a} of {o}", "Get the {a} of {o}", "get me the {a} of {o}", "Check the {a} of {o}", "Find the {a} of {o}",
    "Find out the {a} of {o}", "Look up the {a} of {o}", "I need the {a} of {o}", "I need to know the {a} of {o}", "I'd like to know the {a} of {o}", "Can you tell me the {a} of {o}?", "Could you check the {a} of {o}?", "Do you know the {a} of {o}?", "Give me the {a} of {o}", "Please check the {a} of {o}",
    "{O}: what is the {a}?", "the {a} of {o}", "I want to see the {a} of {o}", "Which {a} does {o} have?", "What {a} does {o} have?", "We need the {a} of {o}", "May I know the {a} of {o}?", "I'm looking for the {a} of {o}", "Can you find the {a} of {o}?", "what {a} has {o}",
)
COUNT_HEADS = (
    "How many {a} are in {o}?", "How many {a} are there in {o}?", "how many {a} does {o} have", "Count the {a} in {o}", "count the {a} of {o}", "How many {a} does {o} have?", "Tell me how many {a} are in {o}", "I need to know how many {a} {o} has", "What is the number of {a} in {o}?", "Can you count the {a} in {o}?", "I'd like to know the number of {a} in {o}", "Please count the {a} in {o}",
)
LIST_HEADS = (
    "Which {a} are in {o}?", "Show me the {a} of {o}", "List the {a} in {o}", "list all {a} of {o}", "Show all the {a} in {o}", "What {a} are in {o}?", "Give me a list of the {a} in {o}", "I'd like to see the {a} of {o}", "I need a list of the {a} in {o}", "Can you list the {a} in {o}?", "Please show the {a} of {o}", "show {a} of {o}", "Let me see the {a} in {o}", "We need all {a} of {o}",
)
LIMITED = ("Show me the last {} {a} of {o}", "List the first {} {a} in {o}", "Show {} {a} of {o}", "I'd like to see {} {a} of {o}", "show me the latest {} {a} in {o}", "Give me {} {a} of {o}", "Can you list the last {} {a} of {o}?", "list {} {a} in {o}", "Let me see the newest {} {a} of {o}", "I need the last {} {a} of {o}")
NOT_IN = frozenset(["reader", "product", "account", "card", "service", "server", "car", "customer"])
"""Owners that have things, but not inside."""
BY = frozenset(["extend", "shorten", "postpone", "delay", "move", "swap", "trim", "raise", "lower", "reduce"])
"""Verbs that take "by 3 days" where others take "for 3 days"."""
SAID = {"when": "date", "from": "start date", "until": "end date", "at time": "time", "to": "target", "w": "width", "h": "height", "lang": "language", "app": "service", "env": "environment", "kg": "weight"}
"""What keys that are no nouns, or short ones, are called."""
AT = {
    "id": ("{n} {}", "{n} {}", "the {n} {}", "{n} number {}", "the {n} with [the|] {k} {}", "my {n} {}", "{n} with {k} {}"),
    "num": ("{n} {}", "{n} {}", "{n} {}", "{n} number {}", "the {n} with [the|] number {}"),
    "name": ("the {n} {}", "the {n} called {}", "{n} {}", "the {n} named {}", "our {n} {}"),
    "title": ("the {n} {}", "the {n} called {}", "the {n} {}", "the {n} with the {k} {}", "my {n} {}"),
    "person": ("{}", "{n} {}", "our {n} {}", "the {n} {}", "{}"),
    "nick": ("the {n} {}", "{n} {}", "{n} {}"),
    "company": ("the {n} {}", "{n} {}", "our {n} {}"),
    "service": ("the {n} {}", "{n} {}", "the {} {n}", "{} {n}"),
    "code": ("the {n} {}", "{n} {}", "the {} {n}"),
    "path": ("the {n} {}", "{n} {}", "{}", "the {n} in {}", "the {n} {}"),
    "animal": ("the {}", "our {}", "the {}"),
    "food": ("the {}", "the {n} {}", "the {}"),
}
AT_MAKER = {"id": "ident", "num": "small", "service": "code"}
AT_KEYS = {
    "id": ("id", "{n} id", "number", "{n} number", "reference", "code"), "num": ("number", "{n} number", "{n}"), "name": ("name", "{n}", "{n} name"), "title": ("title", "name", "{n} title", "{n}"),
    "person": ("name", "{n}", "person", "{n} name"), "nick": ("player", "nickname", "user"), "company": ("company", "{n}", "name"), "service": ("name", "{n}", "{n} name"), "code": ("name", "{n}", "{n} name"),
    "path": ("path", "file", "file name", "{n} path"), "animal": ("animal", "species", "kind"), "food": ("dish", "name"),
}
JOINS = ("{a} and {b}", "{a} and {b}", "{a}, then {b}", "{a} and then {b}", "{a}, and {b}", "{a} and also {b}", "{a}, and after that {b}")
STOPS = ("{A}. Then {b}", "{A}. {B}", "{A}. Also {b}", "{A}. After that, {b}", "{A}.\n{B}", "{a}\n{b}", "{A}. And {b}", "{A}; {b}", "{A}. Next, {b}", "{A}. In addition, {b}")
REASONS = ["a delay", "bad weather", "an illness", "rain", "damage", "a mistake", "late payment", "a strike", "noise", "missing parts", "spam", "lack of time", "a wrong size", "construction work", "a power cut", "rude behaviour", "a double booking", "a broken lock", "the heat", "staff shortage"]
SERVICES = ["api", "web", "auth", "billing", "search", "mail", "queue", "worker", "gateway", "cache", "report", "image", "user", "order", "payment", "stock", "chat", "feed", "login", "audit", "sync", "media", "proxy"]
