"""Conversations with tools of every kind of application, named by ordinary words.

The tables of concepts teach a few hundred tools in many phrasings. Here requests are
built by rule from the words of a tool's name and parameters, whatever they are, so that
matching those words is what it takes to pick a tool and its arguments.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

from training.data import calling
from training.data import tools as t
from training.data import values as v
from training.data import words as w
from training.data.concepts import Param, show
from training.data.phrases import capital, join_and, lower
from training.data.talk import NO_TOOL

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from training.data.concepts import Schema, Value
    from training.data.phrases import Source
    from training.data.talk import Talk

_ROWS = """
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
_GETS = """
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
_LISTS = """
office|chairs|room @num;office|documents|folder @title;office|visitors|building @name;home|lamps|room @room;shop|reviews|product @product;shop|items|order @id
devops|entries|access log;devops|errors|service @service;devops|commits|branch @code;devops|pods|cluster @service;devops|requests|server @service
finance|payments|account @id;finance|transactions|card @id;school|pupils|class @class_name;school|questions|exam @id;farm|cows|barn @num;farm|eggs|nest @num
library|copies|shelf @num;library|loans|reader @person;chat|messages|channel @title;chat|members|group @title;warehouse|boxes|pallet @num;warehouse|crates|zone @zone
museum|paintings|gallery @num;sports|players|team @name;sports|matches|season @num;kitchen|ingredients|recipe @title;music|songs|playlist @title;photo|photos|album @title
map|villages|valley @name;government|complaints|district @num;hotel|guests|hotel @name;zoo|animals|cage @num;lab|samples|freezer @num;travel|seats|coach @num
hr|employees|team @team;news|articles|issue @num;game|coins|chest @num;game|players|match @id;health|patients|ward @num;post|letters|mailbox @num;car|trips|car @id
"""

_PARAMS = """
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
_FLAGS = """
duplex|a|duplex;double sided
express|a|express;urgent
window|n|a window;window
force|n|force;force
private|a|private;hidden
public|a|public;open
video|n|video;video
tolls|n|tolls;tolls
"""
_ADJ_FLAGS = ["private", "public", "urgent", "secret", "permanent", "shared", "silent", "anonymous", "automatic", "recurring", "visible", "hidden", "confidential", "temporary", "official", "optional", "locked", "pinned", "insured", "weekly"]
_NOUN_FLAGS = ["notifications", "breakfast", "subtitles", "insurance", "delivery", "reminders", "comments", "sound", "shadows", "labels", "backups", "logging", "music", "captions", "attachments", "wifi", "parking", "music", "gift_wrap", "toppings", "lights", "logs", "details", "headers"]
_ON_FLAGS = ["heating", "lights", "alarm", "radio", "camera", "fan", "air_conditioning", "microphone", "flash", "screen", "engine", "water", "autopilot", "debug_mode", "night_mode", "wifi", "sound"]
_KEYS = ["width", "height", "length", "depth", "weight", "quantity", "limit", "amount", "score", "level", "speed", "size", "capacity", "distance", "volume", "pressure", "angle", "rate", "price", "fee", "quota", "version", "floor", "row", "column", "page", "section", "lane", "platform", "bay", "slot", "zone", "batch", "radius", "thickness", "brightness", "contrast", "opacity", "duration", "delay", "interval", "timeout", "threshold", "maximum", "minimum", "age", "rank", "round", "voltage", "power", "frequency", "dose", "portion", "budget", "discount", "deposit", "bonus", "seed", "offset", "margin", "padding", "index", "chapter", "verse", "aisle", "shelf", "drawer"]
_TEXT_KEYS = ["material", "brand", "flavour", "style", "theme", "model", "genre", "type", "pattern", "shape", "owner", "sponsor", "region", "sector", "label", "keyword", "tag", "topic", "season", "mood", "texture", "fabric", "finish", "filling", "topping", "provider", "vendor", "author", "tool", "station", "branch", "scheme", "layout", "font", "profile", "character"]
_VERBS = w.Pool.of("""
add adjust announce approve archive arrange assemble assign attach audit bake balance block book borrow brew build buy calibrate cancel carry catch
charge check choose clean close collect compress copy cover create cut decorate delay deliver describe design dig dim discard display donate download
draw drop dry dye edit empty enlarge evaluate examine exchange expand export extend fasten feed fetch fill filter fix fold forward freeze grind hang heat
hide highlight hire import inspect install insure invite join label launch lend lift list load locate lock log magnify mark measure melt mix mount move
mute open order pack paint park paste pause peel pick pin plan plant play polish post pour press print promote prune publish pull push rate record
register release remove rename rent repair replace report request reserve reset resize restore return review rinse rotate save scan schedule seal sell
send sew share sharpen ship shorten shuffle sign skip slice sort split stack start stop store submit sweep swap test tidy tighten track train translate
trim tune unlock unpack update upload validate verify wash water weigh wipe withdraw wrap
""")
_NOUNS = w.Pool.of("""
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
_FREE_PARTS = ["date", "from_date", "until", "time", "person", "to_person", "team", "place", "to_place", "street", "company", "code", "path", "title", "room", "zone", "colour", "language", "email", "message", "reason", "tags", "members", "size", "quality", "format", "priority", "quantity", "copies", "guests", "days", "hours", "minutes", "times", "amount", "price", "temperature", "percent", "weight", "width", "height", "meters"]
_MAKING = frozenset(["create", "book", "order", "buy", "write", "schedule", "request", "register", "add", "build", "bake", "cook", "brew", "design", "plan", "issue", "draft", "hire", "call", "rent", "reserve", "plant", "announce", "submit", "publish", "print", "arrange"])

_SAME = tuple(frozenset(group.split()) for group in (
    "cancel delete remove discard withdraw terminate revoke abandon drop empty clear kill block ban abort", "reserve book order buy request rent hire borrow choose pick", "start run launch play begin open turn_on activate create arm",
    "stop close end turn_off pause mute silence disarm freeze suspend lock disband", "send forward share post ship deliver email dispatch return", "fix repair mend service restore replace change restart update edit adjust correct swap exchange",
    "check inspect examine test evaluate review validate verify audit read track locate describe explain", "clean wash wipe sweep dust tidy rinse", "plan schedule arrange move postpone rebook", "save store archive keep record log register file report submit add upload back_up create",
    "raise lift hoist increase enlarge expand extend renew promote upgrade scale", "lower reduce shorten cut trim compress compact resize crop", "set change adjust program", "label tag mark pin highlight name rename caption", "publish announce advertise post issue",
    "water irrigate", "weigh measure", "decorate paint colour dye recolour", "unlock open unseal", "seal lock close wrap", "accept approve confirm acknowledge sign", "refund return repay", "list count show display", "build make bake cook brew assemble design draft write create", "remove unload empty drain", "fill refuel load charge inflate recharge", "build install mount hang attach place", "restart reset retry repeat replay", "protect insure", "join merge", "pay repay tip bill", "grade rate praise price", "invite call greet hire enrol admit add", "heat warm warm_up preheat",
))
"""Verbs that somebody might say for one another: never two of them with one noun."""

_IRREGULAR = dict(pair.split(":") for pair in ["back:backed", "buy:bought", "build:built", "bake:baked", "sell:sold", "send:sent", "lend:lent", "pay:paid", "repay:repaid", "repave:repaved", "write:written", "take:taken", "drink:drunk", "ride:ridden", "throw:thrown", "hang:hung", "cut:cut", "set:set", "choose:chosen", "drop:dropped", "plan:planned", "stop:stopped", "ship:shipped", "trim:trimmed", "tag:tagged", "pin:pinned", "wrap:wrapped", "swap:swapped", "skip:skipped", "ban:banned", "sow:sown", "read:read", "split:split", "mow:mown", "lay:laid", "log:logged", "zip:zipped", "freeze:frozen", "dig:dug", "draw:drawn", "feed:fed", "grind:ground", "hide:hidden", "melt:melted", "sew:sewn", "shut:shut", "sweep:swept", "ring:rung", "withdraw:withdrawn", "time:timed", "dim:dimmed", "crop:cropped", "scan:scanned", "rename:renamed", "tip:tipped", "lead:led", "flip:flipped", "roll:rolled", "label:labelled", "cancel:cancelled", "enrol:enrolled", "admit:admitted", "submit:submitted", "transfer:transferred", "unpack:unpacked", "put:put", "hit:hit", "program:programmed", "refuel:refuelled", "control:controlled", "catch:caught", "make:made", "give:given", "loop:looped", "mop:mopped", "stir:stirred", "map:mapped", "chat:chatted", "expel:expelled", "pack:packed", "defer:deferred", "shred:shredded", "commit:committed", "unzip:unzipped", "prune:pruned", "air:aired", "dye:dyed"])

_HEADS = (
    "{v} {o}", "{v} {o}", "Please {v} {o}", "please {v} {o}", "{v} {o} please", "I'd like to {v} {o}", "I want to {v} {o}", "I need to {v} {o}", "We need to {v} {o}", "We want to {v} {o}", "I have to {v} {o}",
    "[Can|Could|Would] you {v} {o}", "[can|could] you [please|] {v} {o}", "Could you please {v} {o}", "Let's {v} {o}", "I would like you to {v} {o}", "We'd like to {v} {o}", "Help me [to|] {v} {o}", "I wish to {v} {o}",
    "We need {o} {p}", "I need {o} {p}", "I'd like {o} {p}", "I want {o} {p}", "{O} needs to be {p}", "{O} has to be {p}", "{O} should be {p}", "{O} must be {p}", "Have {o} {p}", "Get {o} {p}", "Can {o} be {p}", "We want {o} {p}",
    "Go ahead and {v} {o}", "Make sure to {v} {o}", "You can {v} {o} [now|]", "It's time to {v} {o}", "Is it possible to {v} {o}", "Are you able to {v} {o}", "Can I {v} {o}", "May I {v} {o}", "Can we {v} {o}", "I'm calling to {v} {o}",
    "My [boss|wife|husband|brother|colleague] asked me to {v} {o}", "The [customer|manager|owner] wants to {v} {o}", "I was asked to {v} {o}", "[Hi|Hello|Hey], [can|could] you {v} {o}", "[Hi|Hello], I'd like to {v} {o}", "I'm planning to {v} {o}", "We have to {v} {o} [now|today|]",
    "[Now|Next] {v} {o}", "Don't forget to {v} {o}", "Remember to {v} {o}", "Would you be able to {v} {o}", "I need you to {v} {o}", "We are going to {v} {o}", "The next step is to {v} {o}", "Someone has to {v} {o}", "I'd be glad if you could {v} {o}",
)
_PLAIN_HEADS = ("{v} {o}", "{v} {o}", "{v} {o}", "please {v} {o}", "I need to {v} {o}", "I'd like to {v} {o}", "{v} {o}")
_GET_HEADS = (
    "What is the {a} of {o}?", "What's the {a} of {o}?", "what is the {a} of {o}", "Tell me the {a} of {o}", "Show me the {a} of {o}", "show the {a} of {o}", "Get the {a} of {o}", "get me the {a} of {o}", "Check the {a} of {o}", "Find the {a} of {o}",
    "Find out the {a} of {o}", "Look up the {a} of {o}", "I need the {a} of {o}", "I need to know the {a} of {o}", "I'd like to know the {a} of {o}", "Can you tell me the {a} of {o}?", "Could you check the {a} of {o}?", "Do you know the {a} of {o}?", "Give me the {a} of {o}", "Please check the {a} of {o}",
    "{O}: what is the {a}?", "the {a} of {o}", "I want to see the {a} of {o}", "Which {a} does {o} have?", "What {a} does {o} have?", "We need the {a} of {o}", "May I know the {a} of {o}?", "I'm looking for the {a} of {o}", "Can you find the {a} of {o}?", "what {a} has {o}",
)
_COUNT_HEADS = (
    "How many {a} are in {o}?", "How many {a} are there in {o}?", "how many {a} does {o} have", "Count the {a} in {o}", "count the {a} of {o}", "How many {a} does {o} have?", "Tell me how many {a} are in {o}", "I need to know how many {a} {o} has", "What is the number of {a} in {o}?", "Can you count the {a} in {o}?", "I'd like to know the number of {a} in {o}", "Please count the {a} in {o}",
)
_LIST_HEADS = (
    "Which {a} are in {o}?", "Show me the {a} of {o}", "List the {a} in {o}", "list all {a} of {o}", "Show all the {a} in {o}", "What {a} are in {o}?", "Give me a list of the {a} in {o}", "I'd like to see the {a} of {o}", "I need a list of the {a} in {o}", "Can you list the {a} in {o}?", "Please show the {a} of {o}", "show {a} of {o}", "Let me see the {a} in {o}", "We need all {a} of {o}",
)
_LIMITED = ("Show me the last {} {a} of {o}", "List the first {} {a} in {o}", "Show {} {a} of {o}", "I'd like to see {} {a} of {o}", "show me the latest {} {a} in {o}", "Give me {} {a} of {o}", "Can you list the last {} {a} of {o}?", "list {} {a} in {o}", "Let me see the newest {} {a} of {o}", "I need the last {} {a} of {o}")
_NOT_IN = frozenset(["reader", "product", "account", "card", "service", "server", "car", "customer"])
"""Owners that have things, but not inside."""
_BY = frozenset(["extend", "shorten", "postpone", "delay", "move", "swap", "trim", "raise", "lower", "reduce"])
"""Verbs that take "by 3 days" where others take "for 3 days"."""
_SAID = {"when": "date", "from": "start date", "until": "end date", "at time": "time", "to": "target", "w": "width", "h": "height", "lang": "language", "app": "service", "env": "environment", "kg": "weight"}
"""What keys that are no nouns, or short ones, are called."""
_AT = {
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
_AT_MAKER = {"id": "ident", "num": "small", "service": "code"}
_AT_KEYS = {
    "id": ("id", "{n} id", "number", "{n} number", "reference", "code"), "num": ("number", "{n} number", "{n}"), "name": ("name", "{n}", "{n} name"), "title": ("title", "name", "{n} title", "{n}"),
    "person": ("name", "{n}", "person", "{n} name"), "nick": ("player", "nickname", "user"), "company": ("company", "{n}", "name"), "service": ("name", "{n}", "{n} name"), "code": ("name", "{n}", "{n} name"),
    "path": ("path", "file", "file name", "{n} path"), "animal": ("animal", "species", "kind"), "food": ("dish", "name"),
}
_JOINS = ("{a} and {b}", "{a} and {b}", "{a}, then {b}", "{a} and then {b}", "{a}, and {b}", "{a} and also {b}", "{a}, and after that {b}")
_STOPS = ("{A}. Then {b}", "{A}. {B}", "{A}. Also {b}", "{A}. After that, {b}", "{A}.\n{B}", "{a}\n{b}", "{A}. And {b}", "{A}; {b}", "{A}. Next, {b}", "{A}. In addition, {b}")
_REASONS = ["a delay", "bad weather", "an illness", "rain", "damage", "a mistake", "late payment", "a strike", "noise", "missing parts", "spam", "lack of time", "a wrong size", "construction work", "a power cut", "rude behaviour", "a double booking", "a broken lock", "the heat", "staff shortage"]
_SERVICES = ["api", "web", "auth", "billing", "search", "mail", "queue", "worker", "gateway", "cache", "report", "image", "user", "order", "payment", "stock", "chat", "feed", "login", "audit", "sync", "media", "proxy"]


def _title(s: Source) -> str:
    """A short title of one to three words."""
    noun = capital(s.word(w.NOUNS))
    roll = s.rng.random()
    if roll < 0.55:
        return f"{capital(s.word(w.ADJECTIVES))} {noun}"
    if roll < 0.75:
        return f"{noun} {capital(s.word(w.OBJECTS))}"
    return noun if roll < 0.9 else f"The {capital(s.word(w.ADJECTIVES))} {noun}"


def _path(s: Source) -> str:
    """A file name, sometimes with a folder."""
    ending = s.one_of(("pdf", "png", "txt", "csv", "jpg", "docx", "mp4", "json", "log"))
    stem = s.word(w.NOUNS) + s.one_of(("", "", f"_{s.rng.randrange(1, 99)}", f"-{s.word(w.NOUNS)}"))
    return f"{s.one_of(('', '', s.word(w.NOUNS) + '/', '/home/' + s.word(w.NOUNS) + '/'))}{stem}.{ending}"


def _some(s: Source, make: Callable[[Source], str]) -> list[str]:
    """Two or three different values."""
    made = dict.fromkeys(make(s) for _ in range(8))
    return list(made)[: s.rng.choice((2, 2, 3))]


def _code(s: Source) -> str:
    """A code name such as services and branches have."""
    head = s.one_of(_SERVICES) if s.chance(0.5) else s.word(w.NOUNS).lower()
    return f"{head}-{s.one_of(_SERVICES)}" if s.chance(0.6) else f"{head}-{s.rng.randrange(1, 40)}"


_MAKERS: dict[str, Callable[[Source], Value]] = {
    "day": lambda s: w.DAYS.pick(s.rng) if s.chance(0.35) else w.date(s.rng),
    "clock": lambda s: w.clock(s.rng),
    "person": lambda s: w.person(s.rng, s.held) if s.chance(0.7) else w.first_name(s.rng, s.held),
    "place": lambda s: w.place(s.rng, s.held),
    "name": lambda s: w.place(s.rng, s.held) if s.chance(0.3) else w.invented_name(s.rng),
    "street": lambda s: v.address(s) if s.chance(0.5) else s.word(w.STREETS),
    "country": lambda s: s.word(w.COUNTRIES),
    "company": lambda s: w.company(s.rng, s.held),
    "ident": lambda s: w.identifier(s.rng),
    "nick": lambda s: w.syllables(s.rng) + s.one_of(("", "", str(s.rng.randrange(100)), "_x")),
    "code": _code,
    "domain": lambda s: f"{w.syllables(s.rng)}.{s.one_of(('com', 'org', 'net', 'io', 'dev', 'eu'))}",
    "version": lambda s: f"{s.rng.randrange(1, 12)}.{s.rng.randrange(20)}" + s.one_of(("", f".{s.rng.randrange(30)}")),
    "path": _path,
    "title": _title,
    "word": lambda s: s.word(w.NOUNS),
    "noun": lambda s: s.word(w.NOUNS),
    "nouns": lambda s: _some(s, lambda s: s.word(w.NOUNS)),
    "firsts": lambda s: _some(s, lambda s: w.first_name(s.rng, s.held)),
    "room": lambda s: s.word(w.ROOMS),
    "zone": lambda s: f"{s.one_of('ABCDEFGHK')}{s.rng.randrange(1, 60)}",
    "classname": lambda s: f"{s.rng.randrange(1, 13)}{s.one_of('abcdABC')}",
    "team": lambda s: s.word(w.DEPARTMENTS),
    "subject": lambda s: s.word(w.SUBJECTS),
    "hobby": lambda s: s.word(w.HOBBIES),
    "food": lambda s: s.word(w.FOODS),
    "animal": lambda s: s.word(w.ANIMALS),
    "product": lambda s: f"{s.word(w.ADJECTIVES if s.chance(0.5) else w.COLOURS)} {s.word(w.PRODUCTS)}" if s.chance(0.4) else s.word(w.PRODUCTS),
    "colour": lambda s: s.word(w.COLOURS),
    "language": lambda s: s.word(w.LANGUAGES),
    "email": lambda s: w.email(s.rng, s.held),
    "msg": lambda s: w.remark(s.rng, s.held).rstrip(".").replace('"', ""),
    "reason": lambda s: s.one_of(_REASONS) if s.chance(0.6) else f"{s.word(w.ADJECTIVES)} {s.word(w.NOUNS)}",
    "currency": lambda s: w.CURRENCIES.pick(s.rng) if s.chance(0.6) else w.MONEY.pick(s.rng),
    "stars": lambda s: s.rng.randrange(2, 6),
    "few": lambda s: s.rng.randrange(2, 13),
    "small": lambda s: s.rng.randrange(2, s.rng.choice((20, 100, 300))),
    "mins": lambda s: s.rng.choice((10, 15, 20, 25, 30, 45, 60, 90, s.rng.randrange(2, 200))),
    "pct": lambda s: s.rng.randrange(2, 100),
    "big": lambda s: s.rng.randrange(20, 5000),
    "year": lambda s: s.rng.randrange(1980, 2036),
    "decimal": lambda s: w.number(s.rng) if s.chance(0.5) else round(s.rng.uniform(1, 100), 1),
    "money": lambda s: s.rng.randrange(5, 3000) if s.chance(0.6) else round(s.rng.uniform(2, 900), 2),
    "temp": lambda s: s.rng.randrange(2, 230) if s.chance(0.7) else round(s.rng.uniform(2, 80), 1),
}


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of parameter: its JSON type, its maker, its keys, and how it is mentioned."""

    kind: str
    make: str
    keys: tuple[str, ...]
    mentions: tuple[str, ...]
    options: tuple[str, ...] = ()


def _kinds() -> dict[str, _Kind]:
    found = {}
    for line in _PARAMS.strip().splitlines():
        code, kind, make, keys, mentions = line.split("|")
        options = tuple(make.split("/")) if kind == "enum" else ()
        said = tuple(m.replace('""', '"').removeprefix('"saying') if not m.startswith('"saying') else m[1:] for m in mentions.split(";"))
        found[code] = _Kind(kind, make, tuple(keys.split(";")), said, options)
    return found


_KINDS = _kinds()
_YES = {
    "a": ("make it {f}", "and make it {f}", "It should be {f}.", "as a {f} one", "Make it {f}.", "{f}: yes"),
    "n": ("with {f}", "with {f}", "Include {f}.", "including {f}", "{f}: yes", "and with {f}"),
    "o": ("with the {f} on", "with the {f} turned on", "Leave the {f} on.", "The {f} should be on."),
}
_NO = {
    "a": ("but don't make it {f}", "It shouldn't be {f}.", "not {f}", "Don't make it {f}.", "{f}: no"),
    "n": ("without {f}", "without {f}", "Leave out {f}.", "but without {f}", "{f}: no", "with no {f}"),
    "o": ("with the {f} off", "with the {f} turned off", "Leave the {f} off.", "The {f} should be off."),
}
_GIVEN_FLAGS = {line.split("|")[0]: (line.split("|")[1], line.split("|")[2].split(";")[-1]) for line in _FLAGS.strip().splitlines()}
_NUMBER = ("with a {k} of {}", "{k} {}", "with {k} {}", "The {k} is {}.", "with the {k} set to {}", "at {k} {}", "The {k} should be {}.")
_TEXT = ("with the {k} {}", "{k} {}", "with {} as the {k}", "The {k} is {}.", "of the {k} {}", "The {k} should be {}.", "{k}: {}")


@dataclass(frozen=True, slots=True)
class _Slot:
    """One parameter of one tool."""

    key: str
    words: str
    kind: str
    make: Callable[[Source], Value]
    mentions: tuple[str, ...]
    options: tuple[str, ...]
    optional: bool
    at: bool = False
    flag: str = ""


@dataclass(frozen=True, slots=True)
class _Plan:
    """What a tool does, before it is drawn: `how` is do, get, count or list."""

    app: str
    how: str
    verb: str
    noun: str
    owner: str
    tokens: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Drawn:
    """A tool with its slots and schema."""

    plan: _Plan
    name: str
    schema: Schema
    slots: tuple[_Slot, ...]


def _plans() -> list[_Plan]:
    """All the plans of the tables."""
    plans = []
    for line in _ROWS.strip().splitlines():
        app, noun, acts = line.split("|")
        for act in acts.split(","):
            words = act.split()
            two = len(words) > 1 and words[1] in ("on", "off", "up", "in", "out", "back", "for")
            verb = " ".join(words[: 2 if two else 1])
            tokens = words[2 if two else 1 :]
            if tokens[:1] == ["path"]:
                tokens[0] = "@path"
            plans.append(_Plan(app, "do", verb, noun, "", tuple(tokens)))
    for table, how in ((_GETS, "get"), (_LISTS, "list")):
        for row in table.strip().replace("\n", ";").split(";"):
            app, attribute, owner = row.split("|")
            owner, _, token = owner.partition(" @")
            plans.append(_Plan(app, how, "get" if how == "get" else "list", attribute, owner, (f"@{token}",) if token else ()))
            if how == "list":
                plans.append(_Plan(app, "count", "count", attribute, owner, (f"@{token}",) if token else ()))
    return plans


_PLANS = _plans()
_BY_APP: dict[str, list[_Plan]] = {}
_BY_VERB: dict[str, list[_Plan]] = {}
_BY_NOUN: dict[str, list[_Plan]] = {}
for _plan in _PLANS:
    _BY_APP.setdefault(_plan.app, []).append(_plan)
    _BY_VERB.setdefault(_plan.verb, []).append(_plan)
    _BY_NOUN.setdefault(_plan.noun, []).append(_plan)


def _free(s: Source, near: _Plan | None = None) -> _Plan:
    """A plan of words drawn freely; `near` another it shares its verb or noun."""
    verb = s.word(_VERBS) if not s.held else _VERBS.pick(s.rng, held=True)
    noun = s.word(_NOUNS) if s.chance(0.7) else s.word(w.OBJECTS)
    if s.chance(0.25):
        owner, at = s.word(_NOUNS), s.one_of(("", "@id", "@num", "@name", "@title"))
        attribute = s.one_of(_KEYS + _TEXT_KEYS) if s.chance(0.6) else s.word(w.NOUNS)
        if near is not None and near.owner:
            owner, at = near.owner, near.tokens[0] if near.tokens else ""
        return _Plan("", "get", "get", attribute.lower(), owner.lower(), (at,) if at else ())
    if near is not None and near.how == "do":
        if s.chance(0.5):
            verb = near.verb
        else:
            noun = near.noun
    tokens = s.rng.sample(_FREE_PARTS, s.rng.choice((0, 0, 1, 1, 2)))
    for one, other in (("amount", "price"), ("title", "code"), ("date", "from_date"), ("place", "street")):
        if one in tokens and other in tokens:
            tokens.remove(other)
    tokens += s.rng.choice(((), (), ("*num",), ("*text",), ("*num", "*text"), ("*flag",)))
    tokens = [token + "?" if s.chance(0.25) else token for token in tokens]
    if s.chance(0.3):
        tokens.insert(0, s.one_of(("@id", "@num", "@name", "@title")))
    return _Plan("", "do", verb, noun.lower(), "", tuple(tokens))


def _alike(one: str, other: str) -> bool:
    """Whether two verbs may mean the same."""
    a, b = one.replace(" ", "_"), other.replace(" ", "_")
    return one == other or any(a in group and b in group for group in _SAME)


def _touch(one: str, other: str) -> bool:
    """Whether two nouns share a word, or one is inside the other."""
    return one in other or other in one or not set(one.split()).isdisjoint(other.split())


def _clash(a: _Plan, b: _Plan) -> bool:
    """Whether a request for `a` might fit `b` as well."""
    if a.how == "do" and b.how == "do":
        return _alike(a.verb, b.verb) and _touch(a.noun, b.noun)
    if a.how != "do" and b.how != "do":
        return _touch(a.noun, b.noun) and (a.owner == b.owner or _touch(a.owner, b.owner))
    act, get = (a, b) if a.how == "do" else (b, a)
    looking = {"check", "count", "show", "read", "list", "measure", "find", "get", "track", "locate", "calculate"}
    return act.verb in looking and (_touch(act.noun, get.noun) or _touch(act.noun, get.owner))


def _far(a: _Plan, b: _Plan) -> bool:
    """Whether `a` shares neither verb nor noun with `b`, so that `b` can't do it."""
    if a.how == "do" and b.how == "do":
        return not _alike(a.verb, b.verb) and not _touch(a.noun, b.noun)
    if a.how != "do" and b.how != "do":
        return not _touch(a.noun, b.noun) and not _touch(a.owner, b.owner)
    return not _touch(a.noun, b.noun) and not _touch(a.owner or a.noun, b.owner or b.noun)


def _key(words: str, *, camel: bool) -> str:
    """A parameter's or tool's name in snake or camel case."""
    parts = words.replace("-", " ").split()
    return parts[0] + "".join(map(capital, parts[1:])) if camel else "_".join(parts)


def _slot(s: Source, token: str, plan: _Plan, taken: set[str], *, camel: bool) -> _Slot | None:
    """Draw one parameter, or None if its key is taken."""
    optional, token = token.endswith("?"), token.rstrip("?")
    options: tuple[str, ...] = ()
    flag = ""
    at = token.startswith("@")
    if at:
        code = token[1:]
        noun = plan.owner or plan.noun
        words = s.one_of(_AT_KEYS.get(code, ("{n}", "{n} name"))).replace("{n}", noun)
        maker = _AT_MAKER.get(code, _KINDS[code].make if code in _KINDS else code)
        kind, make, mentions = "integer" if code == "num" else "string", _MAKERS[maker], _AT.get(code, ("{n} {}", "the {n} {}"))
    elif token == "*num":
        words, kind = (s.one_of(_KEYS) if s.chance(0.7) else s.word(w.NOUNS).lower()), s.one_of(("integer", "integer", "number"))
        make, mentions = (_MAKERS["small"] if kind == "integer" else _MAKERS["decimal"]), _NUMBER
    elif token == "*text":
        words, kind = (s.one_of(_TEXT_KEYS) if s.chance(0.7) else s.word(w.NOUNS).lower()), "string"
        make, mentions = _MAKERS[s.one_of(("word", "word", "name", "ident", "title", "place", "company", "product"))], _TEXT
    elif token.startswith("flag_") or token == "*flag":
        if token == "*flag":
            flag = s.one_of("aanno")
            words = s.one_of({"a": _ADJ_FLAGS, "n": _NOUN_FLAGS, "o": _ON_FLAGS}[flag]).replace("_", " ")
            spoken = words
        else:
            words = token[5:]
            flag, spoken = _GIVEN_FLAGS[words]
            spoken = words if flag == "a" else spoken
            words = s.one_of((words, f"is {words}" if flag == "a" else f"with {words}", words))
        kind, make, mentions = "boolean", lambda s: s.chance(0.5), (spoken,)
    else:
        of = _KINDS[token]
        words, kind, mentions, options = s.one_of(of.keys), of.kind, of.mentions, of.options
        make = _one_of(options) if options else _MAKERS[of.make]
        mentions = _fit(mentions, by=plan.verb in _BY)
    if token.strip("@") == "path" and (plan.owner or plan.noun) in ("photo", "video", "logo"):
        make = _picture
    key = _key(words, camel=camel)
    if key in taken or not key.replace("_", "").isalnum():
        return None
    taken.add(key)
    taken.update(words.split())
    return _Slot(key, words, "string" if kind == "enum" else kind, make, mentions, options, optional, at, flag)


@cache
def _fit(mentions: tuple[str, ...], *, by: bool) -> tuple[str, ...]:
    """The mentions of a length of time that suit a verb: "by" or "for"."""
    if not any(m.startswith("by {} ") for m in mentions) or not any(m.startswith("for {} ") for m in mentions):
        return mentions
    return tuple(m for m in mentions if not m.startswith("for {} " if by else "by {} "))


def _picture(s: Source) -> str:
    """The file name of a picture or film."""
    stem = s.word(w.NOUNS) + s.one_of(("", f"_{s.rng.randrange(1, 99)}", f"-{s.word(w.NOUNS)}"))
    return f"{stem}.{s.one_of(('png', 'jpg', 'mp4', 'mov', 'gif'))}"


def _one_of(options: Sequence[str]) -> Callable[[Source], Value]:
    return lambda s: s.one_of(options)


_GET_VERBS = ("get", "check", "find", "show", "read", "lookup", "fetch")


def _named(s: Source, plan: _Plan) -> str:
    """A name for the tool, its words those of the plan."""
    noun, verb = plan.noun, plan.verb
    if plan.how != "do":
        verb = s.one_of(_GET_VERBS) if plan.how == "get" else {"count": "count", "list": s.one_of(("list", "show", "get", "list"))}[plan.how]
        noun = f"{plan.owner} {noun}" if s.chance(0.6) else noun
    roll = s.rng.random()
    if roll < 0.6:
        return _key(f"{verb} {noun}", camel=False)
    if roll < 0.85:
        return _key(f"{verb} {noun}", camel=True)
    if plan.how == "get" and s.chance(0.6):
        return _key(f"{plan.owner} {plan.noun}", camel=False)
    return _key(f"{noun} {verb}", camel=s.chance(0.2)) if roll < 0.95 or plan.how != "do" else _key(verb, camel=False)


def _an(noun: str) -> str:
    return f"{'an' if noun[:1] in tuple('aeio') else 'a'} {noun}"


def _described(s: Source, plan: _Plan) -> str:
    """One ordinary sentence on what the tool does."""
    if plan.how == "get":
        return s.one_of(("Get the {a} of {o}.", "Returns the {a} of {o}.", "Find out the {a} of {o}.", "Look up the {a} of {o}.", "The {a} of {o}.")).format(a=plan.noun, o=_an(plan.owner))
    if plan.how == "count":
        return s.one_of(("Count the {a} of {o}.", "How many {a} there are in {o}.", "Returns the number of {a} in {o}.")).format(a=plan.noun, o=_an(plan.owner))
    if plan.how == "list":
        return s.one_of(("List the {a} of {o}.", "Show the {a} in {o}.", "Returns the {a} of {o}.")).format(a=plan.noun, o=_an(plan.owner))
    noun = s.one_of((f"the {plan.noun}", _an(plan.noun) if not plan.noun.endswith("s") else plan.noun))
    return s.one_of((f"{capital(plan.verb)} {noun}.", f"{capital(plan.verb)} {noun}.", f"Use this to {plan.verb} {noun}.", f"Lets you {plan.verb} {noun}."))


def _draw(s: Source, plan: _Plan) -> _Drawn:
    """A tool of a plan: name, keys, schema."""
    name = _named(s, plan)
    camel = "_" not in name and any(map(str.isupper, name))
    taken: set[str] = set()
    slots = []
    tokens = plan.tokens
    if plan.how == "list" and s.chance(0.5):
        tokens += ("limit",)
    for token in tokens:
        if token == "limit":
            slots.append(_Slot(s.one_of(("limit", "count", "last", "number")) if "number" not in taken else "limit", "limit", "integer", _MAKERS["small"], (), (), optional=True))
            continue
        slot = _slot(s, token, plan, taken, camel=camel)
        if slot is not None:
            slots.append(slot)
    properties: Schema = {}
    for slot in slots:
        properties[slot.key] = t.property_schema(s, Param(slot.key, slot.kind, slot.make, descriptions=(f"The {slot.words}.", capital(slot.words))), slot.options)
    parameters: Schema = {"type": "object", "properties": properties}
    required = [slot.key for slot in slots if not slot.optional]
    if required:
        parameters["required"] = required
    schema: Schema = {"name": name}
    bare = _key(plan.verb, camel=False) == name
    if bare or s.chance(0.75):
        text = _described(s, plan)
        schema["description"] = text if s.chance(0.8) else text.rstrip(".")
    schema["parameters"] = parameters
    return _Drawn(plan, name, schema, tuple(slots))


def _participle(verb: str) -> str:
    """The past participle of a verb, its particle behind."""
    head, _, tail = verb.partition(" ")
    if head in _IRREGULAR:
        made = _IRREGULAR[head]
    elif head.endswith("e"):
        made = head + "d"
    elif head.endswith("y") and head[-2:-1] not in tuple("aeiou"):
        made = head[:-1] + "ied"
    else:
        made = head + "ed"
    return f"{made} {tail}".strip()


def _regular(verb: str) -> bool:
    """Whether the participle of a verb can be told."""
    head = verb.split()[0]
    doubles = len(head) > 2 and head[-1] in "bdgmnprt" and head[-2] in "aeiou" and head[-3] not in "aeiou" and not head.endswith(("en", "er", "or", "it", "et", "on"))
    return head in _IRREGULAR or not doubles


def _mention(s: Source, slot: _Slot, value: Value, first: set[str]) -> str:
    """Words that give a value, beginning unlike those before if that can be had."""
    shown = show(value)
    mentions = slot.mentions
    if slot.flag:
        mentions = (_YES if value else _NO)[slot.flag]
        shown = slot.mentions[0]
    said = ""
    for _ in range(6):
        said = s.template(mentions) if not slot.flag else s.one_of(mentions)
        if said.split()[0] not in first or said[0].isupper():
            break
    else:
        said = "{f}: " + ("yes" if value else "no") if slot.flag else "The {k} is {}."
    if slot.kind == "array" and said == "The {k} is {}.":
        said = "The {k} are {}."
    first.add(said.split()[0])
    words = _SAID.get(slot.words, slot.words)
    if words.endswith("s") and not words.endswith(("ss", "us")):
        said = said.replace("The {k} is", "The {k} are").replace("a {k} of {}", "{k} {}").replace(" a {k}", " {k}")
    said = said.replace("{k}", words).replace("{f}", shown)
    said = said.replace("with a a", "with an a").replace(" a angle", " an angle")
    for vowel in "aeio":
        said = said.replace(f" a {vowel}", f" an {vowel}")
    return capital(said.replace("{}", shown)) if said.startswith(("{k}:", "The ")) else said.replace("{}", shown)


def _object(s: Source, plan: _Plan, at: _Slot | None, value: Value, *, several: bool = False) -> str:
    """The thing a request is about, with its number or name if it has one."""
    noun = plan.owner or plan.noun
    if at is not None:
        words = at.words.removeprefix(noun).strip() or ("number" if at.kind == "integer" else "name")
        return s.template(at.mentions).replace("{n}", noun).replace("{k}", words).replace("{}", show(value))
    if plan.how == "do" and plan.verb.split()[0] in _MAKING and not noun.endswith("s"):
        return s.one_of((_an(noun), _an(noun), f"the {noun}", f"a new {noun}"))
    this = "these" if noun.endswith("s") and not noun.endswith("ss") else "this"
    return s.one_of((f"the {noun}", f"the {noun}", f"my {noun}", f"our {noun}", f"{this} {noun}"))


def _values(s: Source, tool: _Drawn) -> dict[str, Value]:
    """Arguments for a request: optional ones half the time."""
    made: dict[str, Value] = {}
    for slot in tool.slots:
        if slot.optional and s.chance(0.5):
            continue
        value = slot.make(s)
        for _ in range(5):
            if value not in made.values():
                break
            value = slot.make(s)
        made[slot.key] = value
    return made


def _request(s: Source, tool: _Drawn, *, plain: bool = False) -> t.Ask:
    """A request for `tool`; a plain one is a single clause without its full stop."""
    arguments = _values(s, tool)
    plan = tool.plan
    at = next((slot for slot in tool.slots if slot.at and slot.key in arguments), None)
    small = not plain and s.chance(0.06)
    if small:
        arguments = {key: _small(value) for key, value in arguments.items()}
    aside = at is not None and not plain and plan.how == "do" and s.chance(0.08) and at.words not in (plan.noun,)
    thing = _object(s, plan, None if aside else at, arguments[at.key] if at else "")
    rest = [slot for slot in tool.slots if slot.key in arguments and slot is not at]
    limit = next((slot for slot in rest if not slot.mentions), None)
    if plan.how == "do":
        heads = _PLAIN_HEADS if plain else _HEADS
        head = s.template(heads) if not s.chance(0.25) else "{v} {o}"
        if "{p}" in head and not _regular(plan.verb):
            head = "{v} {o}"
    elif limit is not None:
        head = s.template(_LIMITED)
        if plan.owner in _NOT_IN:
            head = head.replace("in {o}", "of {o}")
        head = head.replace("{}", show(arguments[limit.key]))
        rest = []
    else:
        head = s.template({"get": _GET_HEADS, "count": _COUNT_HEADS, "list": _LIST_HEADS}[plan.how])
        if plain and head.startswith(("{O}", "the ")):
            head = "what is the {a} of {o}?"
        if "in {o}" in head and plan.owner in _NOT_IN:
            head = {"count": "How many {a} does {o} have?", "list": "List the {a} of {o}"}[plan.how]
    own = head.startswith(("{o}", "{O}"))
    question = head.endswith("?") or head.split()[0].lower() in ("can", "could", "would", "is", "are", "may", "what", "which", "how", "what's", "do") or head.lower().startswith(("hi, c", "hello, c", "hey, c"))
    text = head.rstrip("?").replace("{v}", plan.verb).replace("{p}", _participle(plan.verb)).replace("{a}", plan.noun).replace("{o}", thing).replace("{O}", thing if plan.how == "do" and not thing.startswith(("the ", "a ", "an ", "my ", "our ", "this ", "these ")) else capital(thing))
    text = " ".join(text.split()) if "  " in text else text.strip()
    first: set[str] = set()
    s.rng.shuffle(rest)
    inline: list[str] = []
    tails: list[str] = []
    if aside and at is not None:
        tails.append(f"{s.one_of(('The', 'The', 'Its'))} {at.words} is {show(arguments[at.key])}.")
    for slot in rest:
        said = _mention(s, slot, arguments[slot.key], first)
        for _ in range(12):
            if not (plain and said[0].isupper() and said.endswith(".")):
                break
            said = _mention(s, slot, arguments[slot.key], set())
        (tails if said[0].isupper() and said.endswith(".") else inline).append(said)
    loose = [said for said in inline if ": " in said.split('"')[0] or _open_end(said, arguments, rest)]
    inline = [said for said in inline if said not in loose] + loose[:1]
    tails += [_as_tail(said) for said in loose[1:]]
    for said in inline:
        comma = said.split()[0] in ("make", "but", "not", "and", "it") or ": " in said.split('"')[0] or said[0].isdigit()
        text += (", " if comma else " ") + said
    ended = bool(loose)
    if tails:
        text += "?" if question else "."
        text = f"{text} {' '.join(tails)}"
        if s.chance(0.15):
            text = text.rstrip(".")
    elif not plain and not ended:
        text += s.one_of(("?", "?", "?", "")) if question else s.one_of((".", ".", ""))
    elif plain and question:
        text += "?"
    keeps = own and thing.split()[0] not in ("the", "a", "an", "my", "our", "this", "these")
    if small:
        text = text.lower()
    elif not keeps and not plain:
        text = capital(text) if s.chance(0.7) or tails else lower(text)
    result, answer = _outcome(s, plan)
    return t.Ask(text, tool.name, arguments, result, answer)


def _open_end(said: str, arguments: dict[str, Value], rest: Sequence[_Slot]) -> bool:
    """Whether a mention ends with free text, that must stand last."""
    if said.endswith('"') or not rest:
        return False
    return any(slot.key in arguments and slot.words in ("message", "text", "content", "note", "comment", "remark") and said.endswith(show(arguments[slot.key])) for slot in rest)


def _as_tail(said: str) -> str:
    return capital(said) + "."


def _small(value: Value) -> Value:
    """A value as lazy people type it."""
    return value.lower() if isinstance(value, str) else [x.lower() if isinstance(x, str) else x for x in value] if isinstance(value, list) else value  # type: ignore[return-value]


def _outcome(s: Source, plan: _Plan) -> tuple[str, str]:
    """What the tool returns, and what is told of it."""
    if plan.how == "get" or (plan.how == "count" and s.chance(0.7)):
        noun = plan.noun if plan.how == "get" else "count"
        if noun == "count":
            value: Value = s.rng.randrange(2, 500)
        else:
            value = (s.rng.randrange(2, 2000) if s.chance(0.6) else w.decimal(s.rng)) if s.chance(0.85 if plan.app else 0.5) else s.word(w.NOUNS)
            value = _fitting(s, noun, value)
        said = json.dumps({_key(noun, camel=False): value}, ensure_ascii=False) if s.chance(0.7) else show(value)
        return said, f"The {noun} {'are' if noun.endswith('s') and not noun.endswith(('ss', 'us')) else 'is'} {show(value)}."
    said, answer = t.INVENTED_RESULTS[s.rng.randrange(len(t.INVENTED_RESULTS))]
    made = w.identifier(s.rng) if s.chance(0.6) else str(w.number(s.rng))
    said, answer = (x.replace("{v}", made).replace("{{", "{").replace("}}", "}") for x in (said, answer))
    return said, answer


_FITTING = {
    "date": "day", "time": "clock", "owner": "person", "author": "person", "artist": "person", "teacher": "person", "coach": "person", "singer": "person", "mayor": "person",
    "location": "place", "language": "language", "topic": "title", "agenda": "title", "position": "zone", "content": "product", "diet": "food", "deadline": "day", "version": "version", "status": "word",
}


def _fitting(s: Source, noun: str, value: Value) -> Value:
    """A value of the kind that the noun's last word calls for."""
    kind = _FITTING.get(noun.split()[-1])
    if noun == "status":
        return s.word(w.STATUSES)
    return _MAKERS[kind](s) if kind else value


def _toolbox(s: Source, count: int) -> list[_Drawn]:
    """`count` tools, many of them near one another, no two fit for the same request."""
    tools: list[_Drawn] = []
    share = s.rng.choice((0.0, 0.2, 0.5))
    for _ in range(60):
        if len(tools) == count:
            break
        last = s.rng.choice(tools).plan if tools else None
        if s.chance(share):
            plan = _free(s, last if s.chance(0.5) else None)
        elif last is not None and s.chance(0.75):
            near = s.rng.choice((_BY_APP.get(last.app), _BY_VERB.get(last.verb), _BY_NOUN.get(last.noun))) or _PLANS
            plan = s.rng.choice(near)
        else:
            plan = s.rng.choice(_PLANS)
        if any(_clash(plan, other.plan) for other in tools):
            continue
        tool = _draw(s, plan)
        if any(tool.name.lower().replace("_", "") == other.name.lower().replace("_", "") for other in tools):
            continue
        if any(_bare(x) and x.plan.verb == y.plan.verb for x, y in ((tool, o) for o in tools)) or any(_bare(o) and o.plan.verb == plan.verb for o in tools):
            continue
        tools.append(tool)
    s.rng.shuffle(tools)
    return tools


def _bare(tool: _Drawn) -> bool:
    return tool.name == _key(tool.plan.verb, camel=False)


def _plural(noun: str) -> str:
    """More than one of `noun`."""
    if noun.endswith(("s", "x", "ch", "sh", "z")):
        return noun + "es"
    if noun.endswith("shelf"):
        return noun[:-1] + "ves"
    return noun[:-1] + "ies" if noun.endswith("y") and noun[-2:-1] not in tuple("aeiou") else noun + "s"


def _listed(s: Source, tool: _Drawn) -> tuple[str, list[t.Ask]]:
    """One sentence that asks the same of two or three things."""
    slot = tool.slots[0]
    values: list[Value] = []
    for _ in range(12):
        value = slot.make(s)
        if value not in values:
            values.append(value)
    values = values[: s.rng.choice((2, 2, 2, 3))]
    noun = tool.plan.owner or tool.plan.noun
    shown = [show(value) for value in values]
    roll = s.rng.random()
    token = tool.plan.tokens[0][1:]
    if token in ("animal", "food"):
        things = join_and([f"the {x}" for x in shown])
    elif token in ("person",) or roll < 0.4:
        lead = "" if token == "person" else s.one_of(("", "the ")) + _plural(noun) + " "
        things = lead + join_and(shown)
    elif roll < 0.75:
        things = join_and([f"{noun} {x}" for x in shown])
    else:
        things = f"{noun} " + s.one_of((" and also ", " and ", ", then ", " and then ")).join(shown)
    verb, attribute = tool.plan.verb, tool.plan.noun
    if tool.plan.how == "do":
        head = s.template(("{v} {o}", "Please {v} {o}", "I need to {v} {o}", "Can you {v} {o}?", "{v} {o}", "I'd like to {v} {o}", "could you {v} {o}", "We have to {v} {o}", "We want to {v} {o}"))
    else:
        head = s.template(("What is the {a} of {o}?", "Show me the {a} of {o}", "get the {a} of {o}", "I need the {a} of {o}", "Check the {a} of {o}", "Tell me the {a} of {o}")) if tool.plan.how == "get" else s.template(("List the {a} of {o}", "Show the {a} in {o}", "Show me the {a} of {o}")) if tool.plan.how == "list" else s.template(("Count the {a} in {o}", "How many {a} are in {o}?", "count the {a} of {o}"))
    text = head.replace("{v}", verb).replace("{a}", attribute).replace("{o}", things)
    text = text if text.endswith("?") else text + s.one_of(("", "."))
    text = capital(text) if s.chance(0.7) else text
    asks = []
    for value in values:
        result, answer = _outcome(s, tool.plan)
        asks.append(t.Ask(text, tool.name, {slot.key: value}, result, answer))
    return text, asks


def _several(s: Source, talk: Talk, tools: Sequence[_Drawn]) -> None:
    """Two or three requests in one message, and as many calls in their order."""
    alone = [tool for tool in tools if len(tool.slots) == 1 and tool.slots[0].at]
    if alone and s.chance(0.4):
        text, asks = _listed(s, s.rng.choice(alone))
    else:
        picked = [s.rng.choice(tools) for _ in range(s.rng.choice((2, 2, 2, 3)))]
        made = [_request(s, tool, plain=True) for tool in picked]
        asks = list({(ask.name, show(list(map(show, ask.arguments.values())))): ask for ask in made}.values())
        text = _together(s, asks)
    talk.user(text)
    talk.call(asks, calling.call_thought(s, asks))
    calling.finish(s, talk, asks)


def _within(ask: t.Ask, text: str) -> str:
    """A request as the rest of a sentence: its first letter small, unless a value's."""
    head = text.split()[0].rstrip(",.:?'s")
    named = any(head and head in show(value) for value in ask.arguments.values())
    return text if named or text.startswith(("I ", "I'")) or head[1:2].isupper() else lower(text)


def _together(s: Source, asks: Sequence[t.Ask]) -> str:
    """Requests joined in an ordinary way."""
    text = asks[0].text
    for before, ask in pairwise(asks):
        loose = any(isinstance(value, list) or (isinstance(value, str) and value.count(" ") > 2) for value in before.arguments.values())
        asked = "?" in ask.text or "?" in text or ". " in text or ": " in text or text.split()[0] in ("I",)
        template = s.one_of(_STOPS if loose or asked or before is not asks[0] or s.chance(0.3) else _JOINS)
        a, b = text.rstrip("."), ask.text
        if a.endswith("?"):
            template = template.replace("{A}.", "{A}").replace("{A};", "{A}").replace("{a},", "{a}")
        inner = _within(ask, b)
        outer = b if inner == b and not b[0].islower() else capital(inner) if not _is_value(ask, b) else b
        text = template.replace("{A}", a if _is_value(before, a) else capital(a)).replace("{a}", a).replace("{b}", inner).replace("{B}", outer)
    if not text.endswith(("?", ".")):
        text += s.one_of(("", "", "."))
    return text if _is_value(asks[0], text) or s.chance(0.3) else capital(text)


def _is_value(ask: t.Ask, text: str) -> bool:
    """Whether a text begins with one of the values."""
    return any(text.startswith(show(value)) for value in ask.arguments.values() if not isinstance(value, bool))


def _nothing_fits(s: Source, talk: Talk, tools: Sequence[_Drawn]) -> None:
    """An ordinary request that none of `tools` can do."""
    for _ in range(40):
        plan = s.rng.choice(_PLANS) if s.chance(0.75) else _free(s)
        if all(_far(plan, tool.plan) for tool in tools):
            talk.user(_request(s, _draw(s, plan)).text)
            talk.say(NO_TOOL, "None of the tools can do that.", NO_TOOL)
            return
    calling.just_talk(s, talk)


def open_tools(s: Source, talk: Talk) -> None:
    """Tools of ordinary words, and requests that say those words in ordinary ways."""
    tools = _toolbox(s, s.rng.choice((1, 2, 2, 3, 3, 4, 5, 6)))
    talk.system([{"type": "function", "function": tool.schema} for tool in tools])
    for _ in range(s.rng.choice((2, 3, 3, 4, 5, 6, 7, 8, 9))):
        roll = s.rng.random()
        if roll < 0.6:
            ask = _request(s, s.rng.choice(tools))
            talk.user(ask.text)
            talk.call([ask], calling.call_thought(s, [ask]))
            calling.finish(s, talk, [ask])
        elif roll < 0.8:
            _several(s, talk, tools)
        elif roll < 0.94:
            _nothing_fits(s, talk, tools)
        else:
            calling.just_talk(s, talk)
