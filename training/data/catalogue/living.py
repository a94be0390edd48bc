"""More of what tools do: at home, on the road, for the body, in the kitchen and the office."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from training.data import words as w
from training.data.concepts import (
    Concept,
    Maker,
    Param,
    Value,
    done,
    integer_param,
    number_param,
    simple,
    string_param,
    text_of,
    words_of,
)
from training.data.phrases import join_and
from training.data.values import address

if TYPE_CHECKING:
    from training.data.phrases import Source

_DOORS = w.Pool.of("""
front back side garage cellar patio balcony terrace kitchen bathroom bedroom office studio
workshop shed barn stable greenhouse attic basement pantry laundry lobby entrance main
rear street yard garden courtyard loft library nursery porch storage tool wine boiler
server archive meeting staff delivery emergency roof gallery guest cloakroom sauna pool
gym music reading utility veranda cottage annexe chapel stage north south east west upper
lower inner outer left right glass iron oak steel red green blue white
""")
_ZONES = w.Pool.of("""
front_lawn back_lawn side_lawn rose_bed herb_garden vegetable_patch orchard hedge
flower_bed greenhouse terrace_pots balcony_boxes raised_beds strawberry_bed tomato_rows
lavender_border tulip_bed rock_garden football_pitch driveway_strip gravel_border
fern_corner bamboo_screen vineyard olive_grove lemon_trees apple_trees cherry_trees
berry_bushes pumpkin_patch potato_field salad_bed meadow playground courtyard roof_garden
pond_edge lower_terrace upper_terrace north_lawn south_lawn east_border west_border
dahlia_bed hydrangeas rhododendrons ivy_wall climbing_roses sunflower_row bean_poles
cabbage_bed onion_rows carrot_rows fig_tree plum_trees pear_trees palm_corner cactus_bed
moss_garden seedlings tree_nursery tennis_court golf_green entrance_bed corner_plot
""")
_APPLIANCES = w.Pool.of("""
coffee_machine kettle fan heater radio television stereo humidifier dehumidifier
air_purifier electric_blanket aquarium_pump toaster slow_cooker rice_cooker printer
projector router game_console amplifier turntable iron hair_dryer towel_rail sewing_machine
soldering_iron space_heater freezer wine_cooler fridge water_pump fountain pool_pump
pool_heater battery_charger bike_charger treadmill massage_chair sauna_stove dishwasher
tumble_dryer microwave blender mixer bread_maker yogurt_maker popcorn_maker waffle_iron
baby_monitor doorbell intercom desktop_computer monitor loudspeaker soundbar
air_conditioner extractor_hood boiler compressor lathe kiln incubator egg_boiler
foot_warmer fog_machine bubble_machine
""")
_WASHABLES = w.Pool.of("""
cotton wool silk linen denim towels bedding curtains sportswear jeans shirts delicates
synthetics whites colours darks underwear socks blankets pillows duvets jackets uniforms
workwear aprons tablecloths napkins swimwear babywear lingerie cushions rugs sneakers
fleece velvet microfibre cashmere viscose polyester nylon lycra corduroy flannel satin
blouses dresses skirts trousers sweaters hoodies pyjamas bathrobes scarves gloves hats
sheets quilts throws dishcloths jerseys overalls raincoats
""")
_CLOCK: Final = text_of(w.clock)
_DATE: Final = text_of(w.date)
_COINED: Final = text_of(lambda r, h: w.invented_name(r))


def _door(s: Source) -> Value:
    return f"{s.word(_DOORS)} door"


def _several(pool: w.Pool, low: int, high: int) -> Maker:
    """`low` to `high - 1` different words of `pool`."""

    def make(s: Source) -> Value:
        count = s.rng.randrange(low, high)
        words: dict[str, None] = {}
        while len(words) < count:
            words[s.word(pool)] = None
        return list(words)

    return make


def _switched(s: Source, a: dict[str, Value]) -> tuple[str, str]:
    """The outcome of switching something on or off."""
    device, on = list(a.values())
    state = "on" if on else "off"
    said = s.one_of((state, f"{device}: {state}", f'{{"state": "{state}"}}', f"The {device} is {state}."))
    return said, f"The {device} is {state}."


_HOME: Final[tuple[Concept, ...]] = (
    Concept(
        "vacuum_room clean_room start_vacuum vacuumRoom startVacuum run_vacuum robot_clean hoover vacuum_clean send_vacuum",
        ("Send the vacuum robot to a room.", "Vacuum a room", "Starts the robot vacuum in one room.", "Have the robot clean the floor of a room.", "Clean a room's floor with the robot."),
        (string_param("room room area zone where target", words_of(w.ROOMS), "The room", "Room to vacuum", "Where the robot should clean"),),
        ("Vacuum the {0}.", "Send the robot to the {0}.", "There are crumbs all over the {0}, get the vacuum going.", "hoover the {0}", "The {0} floor is filthy, have it vacuumed.",
         "{0} needs vacuuming", "Get the vacuum robot started in the {0}.", "I spilled flour in the {0}, run the vacuum there.", "Let the little robot loose in the {0}.", "Has anyone vacuumed the {0}? If not, do it now.",
         "Dog hair everywhere in the {0}. Vacuum it.", "vacuum: {0}", "Time to hoover the {0} again.", "Guests come soon and the {0} carpet looks awful, send the robot.", "robot to {0}",
         "Make the robot do the {0} next.", "Would the robot do the floor of the {0}?", "I'd like the {0} vacuumed before I'm home.", "Clean up the dust in the {0} with the vacuum.", "start vacuuming in the {0}",
         "Set the vacuum to work on the {0}.", "The floor in the {0} could do with a vacuum.", "Have the robot sweep through the {0}.", "Only the {0} this time, robot vacuum.", "The kids left sand in the {0}; vacuum, quick.",
         "Give the {0} floor a once-over with the robot."),
        done("Cleaning {0}", "The robot is vacuuming the {0}."),
    ),
    Concept(
        "dock_vacuum return_to_dock dockVacuum vacuum_home send_home recall_robot charge_vacuum stop_cleaning returnRobot",
        ("Send the vacuum robot back to its dock.", "Return the robot to its charging station", "Stops cleaning and docks the robot.", "Call the vacuum robot home."),
        (),
        ("Send the vacuum back to its dock.", "The robot can go home now.", "Stop vacuuming and dock.", "dock the vacuum", "That's enough vacuuming, park the robot.", "Get the robot off the carpet and back on its charger.",
         "The vacuum is too loud, make it go back.", "Robot home.", "Recall the vacuum robot.", "Would you call the robot back to its station?", "The baby sleeps, so stop the vacuum and let it return.",
         "vacuum to the base", "I want the robot in its dock.", "Let the vacuum go and charge.", "No more cleaning today, dock it.", "The vacuum should return to the charging station.", "Put the vacuum robot to bed.",
         "Quit hoovering and go back to base.", "End the cleaning run.", "Abort the vacuum run and bring the robot in.", "Is the robot still driving around? Send it home.", "Bring the hoover back to its corner.",
         "the robot vacuum should charge now", "Cleaning's finished, back to the dock.", "Park the vacuum.", "Make the robot go to its charger."),
        simple("battery", lambda s: s.rng.randrange(3, 100), "Docked, battery {v}%", "The robot is back in its dock, with {v} percent charge."),
    ),
    Concept(
        "set_blinds blinds move_blinds setBlinds adjust_blinds blind_position shutters set_shutters moveShutters set_shades",
        ("Move the blinds of a room.", "Set how far blinds are closed, in percent", "Adjust the shutters in a room.", "Put the blinds at a position.", "Lower or raise the blinds."),
        (string_param("room room area place window_room where", words_of(w.ROOMS), "The room", "Whose blinds", "Room with the blinds"),
         integer_param("percent position level closed amount value", 0, 101, "How far, in percent", "Position from 0 to 100", "Percent")),
        ("Put the blinds in the {0} at {1} percent.", "Lower the {0} blinds to {1}%.", "{0} blinds {1}%", "Raise the shutters in the {0} to {1} percent.", "The sun blinds me in the {0}, blinds to {1}%.",
         "blinds {0} {1}", "I want the blinds of the {0} {1} percent down.", "Set the {0} shades at {1}.", "Move the {0} shutters to position {1}.", "Let some light into the {0}: blinds at {1} percent.",
         "Could the blinds in the {0} be at {1} percent?", "Make it {1}% for the blinds in the {0}.", "It's glaring in the {0}. Bring the blinds to {1}%.", "Close the blinds of the {0} by {1} percent.", "{1} percent on the {0} blinds",
         "Adjust the blinds in the {0}, {1} percent.", "The neighbours can look into the {0}, put the shades at {1}%.", "For the film I need the {0} blinds at {1} percent.", "shutters in {0} at {1}%", "Would you bring the {0} blinds to {1}?",
         "How about {1} percent for the blinds in the {0}?", "In the {0}, shutters to {1} percent.", "Take the blinds in the {0} to {1}%.", "Open up the {0} blinds until they are at {1} percent.", "The {0} is too dark, blinds at {1}%.",
         "Blinds, {0}, {1} percent."),
        done("{0} blinds at {1}%", "The blinds in the {0} are at {1} percent."),
    ),
    Concept(
        "lock_door lock lockDoor secure_door bolt_door close_lock engage_lock door_lock shut_lock",
        ("Lock a door.", "Locks one of the doors", "Lock the smart lock of a door.", "Secure a door so that nobody gets in."),
        (string_param("door door name lock which door_name", _door, "The door", "Door to lock", "Which door"),),
        ("Lock the {0}.", "I forgot to lock the {0}.", "Make sure the {0} is locked.", "lock up: {0}", "{0} lock", "Did I leave the {0} open? Lock it, whatever the case.", "Secure the {0}, I'm in bed already.",
         "We have left, so lock the {0} behind us.", "Bolt the {0}.", "Nobody should come in through the {0}, lock it.", "The {0} ought to be locked at this hour.", "Turn the key in the {0}.", "{0} must be locked now",
         "Is the {0} still unlocked? Then lock it.", "Keep the burglars out and lock the {0}.", "I want the {0} locked.", "Put the lock on the {0}.", "Engage the lock of the {0}.", "Everyone is in, you can lock the {0}.",
         "Would you get the {0} locked for the night?", "Lock down the {0}.", "The kids mustn't get out by the {0}: lock it.", "time to lock the {0}", "See that the {0} gets locked.", "We're closed. Lock the {0}.", "get the {0} locked"),
        done("{0} locked", "The {0} is locked."),
    ),
    Concept(
        "unlock_door unlock unlockDoor open_lock release_lock let_in door_open open_door unbolt",
        ("Unlock a door.", "Unlocks one of the doors", "Open the smart lock of a door.", "Let somebody in through a door."),
        (string_param("door door name lock which door_name", _door, "The door", "Door to unlock", "Which door"),),
        ("Unlock the {0}.", "My hands are full, open the lock of the {0}.", "The plumber waits at the {0}, let him in.", "unlock {0}", "Let the kids in through the {0}.", "I'm standing at the {0} without a key.", "{0}: unlock",
         "Somebody is locked out at the {0}, open it for her.", "Release the lock on the {0}.", "Unbolt the {0}.", "The {0} may be unlocked again.", "Take the lock off the {0}.", "Would you let the cleaner in by the {0}?",
         "I can't get through the {0}, it's locked. Unlock it.", "Get the {0} open, the guests are here.", "I need the {0} unlocked.", "Deliveries come in a minute, so have the {0} unlocked.", "Open the {0} for the courier.",
         "We're opening: unlock the {0}.", "The dog has to go out by the {0}, unlock it.", "undo the lock of the {0}", "Why is the {0} locked? Please open it up.", "Make the {0} open for visitors.", "Buzz them in at the {0}.",
         "{0} should not be locked any more", "Free the {0}, I want to go out.", "The guests knock at the {0}, unlock it.", "The {0} can stay unlocked today.", "The {0} is in my way, unlock it.", "No more lock on the {0}, please."),
        done("{0} unlocked", "The {0} is unlocked."),
    ),
    Concept(
        "set_oven preheat_oven oven heat_oven setOven preheat start_oven ovenOn oven_temperature bake_at",
        ("Heat the oven to a temperature.", "Preheat the oven", "Set the oven, and for how long it stays on.", "Turn the oven on at some degrees."),
        (integer_param("degrees temperature temp heat celsius value", 50, 280, "Degrees", "Oven temperature", "In Celsius"),
         integer_param("minutes duration time_minutes length timer", 5, 240, "Minutes", "How long, in minutes")),
        ("Preheat the oven to {0} degrees.", "Oven on at {0}.", "oven {0}", "Heat the oven to {0}[ for {1} minutes|].", "I'm making a pie, the oven has to be at {0} degrees.", "Set the oven to {0}[ degrees|] for {1} minutes.",
         "Bake at {0} for {1} minutes.", "Get the oven up to {0}.", "The recipe says {0} degrees in the oven[, {1} minutes|].", "{0} degrees in the oven, {1} minutes", "Have the oven hot at {0} degrees when I come home.",
         "Run the oven for {1} minutes at {0}.", "Turn the oven on: {0} degrees.", "The bread goes in at {0}, so warm up the oven.", "Could the oven run at {0} degrees for {1} minutes?", "Start the oven, {0} degrees.",
         "Oven temperature {0}[, time {1} minutes|].", "I want to roast at {0} degrees.", "The oven is too cool, it should be {0}.", "preheat {0}", "Give the lasagne {1} minutes at {0} degrees.", "For {1} minutes, keep the oven at {0}.",
         "Pizza tonight! Oven to {0}.", "Warm the oven, {0} degrees please, and leave it on for {1} minutes.", "Crank the oven up to {0}.", "Let the oven go down to {0} degrees."),
        done("Oven at {0}", "The oven heats to {0} degrees."),
        required=1,
    ),
    Concept(
        "start_washing wash_laundry start_washer washing_machine startWashing run_laundry do_laundry laundry startWasher wash_cycle",
        ("Start the washing machine.", "Run a load of laundry at a temperature", "Starts a washing programme.", "Wash clothes of a kind at some degrees."),
        (string_param("program programme cycle load fabric kind", words_of(_WASHABLES), "The programme", "What is washed", "Kind of laundry"),
         integer_param("degrees temperature temp celsius heat", 20, 96, "Degrees", "Water temperature")),
        ("Wash the {0} at {1} degrees.", "Start the washing machine for {0}, {1} degrees.", "Washing machine: {0}, {1}", "Run a load of {0} at {1}.", "The basket is full of {0}, wash it at {1} degrees.", "laundry {0} {1}",
         "Put the machine on {0} and {1} degrees.", "Do the laundry, programme {0}, at {1}.", "I've loaded the washer with {0}; it takes {1} degrees.", "Use the {0} cycle at {1} degrees.", "{0} wash at {1}",
         "Have the washing machine do {0} at {1} degrees.", "Is {1} degrees all right for {0}? Then start the washer.", "Set the washer to {0}, {1} degrees, and go.", "At {1} degrees, wash the load of {0}.", "One load of {0}, {1} degrees.",
         "Begin a {1} degree wash for {0}.", "The {0} smells, run it through the wash at {1}.", "Would you start the {0} programme at {1} degrees?", "It's laundry day: {0} first, at {1} degrees.", "Launch the washing: {0} at {1}",
         "I want the {0} washed at no more than {1} degrees.", "Everything {0} is in the drum, start it with {1} degrees.", "wash {0} {1}", "Get the washing done, {0} on {1} degrees.", "Let the washer run the {0} setting at {1} degrees."),
        simple("minutes", lambda s: s.rng.randrange(20, 200), "Done in {v} minutes", "The washing machine is running; it takes {v} minutes."),
    ),
    Concept(
        "set_alarm alarm setAlarm alarm_clock create_alarm wake_me add_alarm wake_up_call newAlarm",
        ("Set the alarm clock.", "Set an alarm for a time", "Wake the user at a time.", "Add an alarm, on a day if one is given."),
        (string_param("time time at hour when alarm_time", _CLOCK, "Time of the alarm", "When it rings"),
         string_param("day day weekday on date", words_of(w.DAYS), "Day of the week", "Which day")),
        ("Set an alarm for {0}[ on {1}|].", "Wake me at {0}.", "alarm {0}", "I have to be up at {0}[ on {1}|].", "Get me out of bed at {0}.", "On {1} I need to get up at {0}.", "Let the alarm ring at {0}[ on {1}|].", "{1}, alarm at {0}",
         "My shift starts early on {1}, wake me at {0}.", "Don't let me sleep past {0}.", "What if I oversleep? Set the alarm to {0}.", "Alarm clock to {0}, please.", "I'm going to bed, the alarm should go at {0}.", "Make some noise at {0} so that I wake up.",
         "Rise and shine at {0} on {1}.", "wake-up at {0}", "Can I get a wake-up call at {0}[ on {1}|]?", "I'd like to be woken at {0}.", "Put the alarm on for {0}[, {1}|].", "The clock should wake me on {1} at {0}.", "Ring me awake at {0}.",
         "Early start: alarm at {0}.", "I have a plane to catch on {1}, alarm at {0}.", "Turn on the alarm for {1} {0}.", "new alarm {0} {1}", "At {0} I want to be awake."),
        done("Alarm set for {0}", "The alarm is set for {0}."),
        required=1,
    ),
    Concept(
        "start_timer timer set_timer startTimer countdown egg_timer setTimer kitchen_timer count_down",
        ("Start a timer.", "Count down some minutes", "Set a countdown timer in minutes.", "Kitchen timer."),
        (integer_param("minutes duration length mins time_minutes amount", 1, 181, "Minutes", "How long in minutes", "Length of the countdown"),),
        ("Start a timer for {0} minutes.", "timer {0} minutes", "Set a {0} minute timer.", "{0} minutes on the timer", "Count down {0} minutes.", "Tell me when {0} minutes are over.", "The eggs take {0} minutes, time them.", "Let me know once {0} minutes have passed.",
         "Give me a countdown of {0} minutes.", "I'm putting the pasta on, {0} minutes.", "Beep in {0} minutes.", "Timer, {0} min.", "I need to be told when {0} minutes are up.", "Could you time {0} minutes for me?", "Start counting: {0} minutes.",
         "How about a timer of {0} minutes?", "The tea has to steep for {0} minutes, set a timer.", "Ping me after {0} minutes.", "{0} min countdown", "Run the kitchen timer for {0} minutes.", "We take a break of {0} minutes, keep the time.",
         "{0} minutes from now, ring.", "The timer should go off in {0} minutes.", "Stop me after {0} minutes of reading, use the timer.", "Put {0} minutes on the clock.", "begin a countdown, {0} minutes"),
        done("Timer: {0} minutes", "The timer runs for {0} minutes."),
    ),
    Concept(
        "start_sprinkler sprinkler run_sprinkler startSprinkler irrigate water_zone sprinklers irrigation runSprinkler set_irrigation",
        ("Run the sprinkler in a part of the garden.", "Water a zone for some minutes", "Start the irrigation of a zone.", "Sprinkler control: where and how long."),
        (string_param("zone zone area part bed where", words_of(_ZONES), "The zone", "Part of the garden", "What to water"),
         integer_param("minutes duration length mins time_minutes", 1, 91, "Minutes", "How long in minutes")),
        ("Run the sprinkler on the {0} for {1} minutes.", "Water the {0} for {1} minutes.", "sprinkler {0} {1} min", "The {0} looks dry, {1} minutes of water.", "Give the {0} {1} minutes of irrigation.", "It hasn't rained for days: sprinklers on the {0}, {1} minutes.",
         "Irrigate the {0}, {1} minutes.", "{1} minutes of sprinkling for the {0}", "Turn on the sprinkler at the {0} and stop it after {1} minutes.", "Could the {0} get {1} minutes from the sprinkler?", "Let it rain on the {0} for {1} minutes.",
         "I want {1} minutes of water on the {0}.", "Start irrigation, zone {0}, {1} minutes.", "In this heat the {0} needs at least {1} minutes of water.", "{0}: {1} minutes of sprinkler", "Have the sprinklers do the {0} for {1} minutes.",
         "For {1} minutes, water the {0}.", "The {0} is wilting. Sprinkle it, {1} minutes.", "Soak the {0} for {1} minutes.", "watering: {0}, {1} minutes", "Would you sprinkle the {0} a bit, say {1} minutes?", "Set the irrigation of the {0} to {1} minutes and start.",
         "Hose down the {0}, {1} minutes are enough.", "Keep the sprinkler by the {0} running {1} minutes.", "Everything at the {0} is thirsty, {1} minutes please.", "Do the {0} with the sprinkler, {1} min."),
        done("Watering {0} for {1} minutes", "The sprinkler waters the {0} for {1} minutes."),
    ),
    Concept(
        "get_car_battery car_battery car_charge carBattery getCarCharge battery_level vehicle_charge ev_status charge_level",
        ("Charge of the car's battery.", "How full the electric car's battery is", "Get the car's charge level.", "Percent of charge in the car."),
        (),
        ("How full is the car's battery?", "How much charge does the car have?", "car battery?", "Do I have to charge the car?", "Is the car charged?", "What's the charge level of the car?", "Check the car's battery.", "Will the car's battery do for the trip? How full is it?",
         "Battery of the car in percent", "The car was plugged in all night, how far is it?", "Has the car finished charging?", "Tell me how much is left in the car battery.", "charge state of the car", "I'm about to drive off, how much charge is there?",
         "How many percent does the car show?", "Look at the car's battery for me.", "Can I drive without charging? What does the battery say?", "My electric car, how full is it?", "Is there enough charge in the car for today?", "Read the battery gauge of the car.",
         "What percentage is the car at?", "car charge level", "How's the car battery doing?", "Did the car get any charge?", "Give me the car's charge.", "Should I plug in the car? What's it at?"),
        simple("percent", lambda s: s.rng.randrange(2, 101), "{v}%", "The car's battery is at {v} percent."),
    ),
    Concept(
        "heat_car preheat_car warm_up_car heatCar car_climate precondition set_car_climate carClimate defrost_car climate_control",
        ("Heat the car before a drive.", "Set the climate of the car", "Bring the inside of the car to a temperature by a time.", "Precondition the car."),
        (integer_param("degrees temperature temp target celsius", 15, 29, "Degrees", "Temperature inside the car"),
         string_param("time by at departure ready_at when", _CLOCK, "Departure", "When it should be ready")),
        ("Heat the car to {0} degrees[ by {1}|].", "Warm up the car, {0} degrees.", "I leave at {1}, have the car at {0} degrees.", "The car should be {0} degrees when I get in[ at {1}|].", "car climate {0}", "Set the climate in the car to {0}[ for {1}|].",
         "It's freezing, preheat the car to {0}.", "Cool the car down to {0} degrees before {1}.", "The car is an oven. Bring it to {0} degrees.", "Make it {0} degrees in the car[ by {1}|].", "Car at {0} by {1}", "By {1} I'd like {0} degrees in the car.",
         "Get the car ready: {0} degrees, {1}.", "Could you have the car heated to {0} at {1}?", "Ice on the windscreen! Heat the car to {0}.", "Precondition the car, {0} degrees[, departure {1}|].", "I don't want to sit in a cold car at {1}, make it {0} degrees.",
         "Turn the car's heating to {0}.", "We drive off at {1}; {0} degrees in the car would be nice.", "Inside the car: {0} degrees.", "car heater {0} {1}", "Air-condition the car to {0} degrees.", "Before the school run at {1}, warm the car to {0}.",
         "How warm can the car be at {1}? I want {0}.", "Start heating the car up to {0} degrees.", "The seats are cold, put the car on {0} degrees."),
        done("Car set to {0}", "The car is being brought to {0} degrees."),
        required=1,
    ),
    Concept(
        "set_plug smart_plug switch_device setPlug power_device switchDevice plug toggle_plug power_switch set_device_power",
        ("Switch a device on or off.", "Control the smart plug of a device", "Turn the power of an appliance on or off.", "Set whether an appliance has power."),
        (string_param("device device appliance plug name what", words_of(_APPLIANCES), "The device", "Appliance at the plug", "What to switch"),
         Param("on on state enabled power powered", "boolean", lambda s: s.chance(0.5), ("Whether it is on", "true for on", "Power"))),
        ("Turn {1} the {0}.", "Switch the {0} {1}.", "{0} {1}", "I want the {0} {1}.", "Is the {0} {1}? It should be.", "Make sure the {0} is {1}.", "Power {1} the {0}.", "Put the {0} {1} for me.", "The {0} must be {1} now.", "Have the {0} {1}.",
         "{1} with the {0}", "Flip the {0} {1}.", "Set the plug of the {0} to {1}.", "I left the house and don't know about the {0}, turn it {1}.", "The {0} can go {1}.", "Let's have the {0} {1} today.", "plug {0}: {1}", "Would you get the {0} switched {1}?",
         "Electricity {1} for the {0}", "Turn that {0} {1}.", "My {0} should be {1}, see to it.", "The switch of the {0} to {1}!", "Time to turn the {0} {1}.", "With the smart plug, turn {1} the {0}.", "Someone needs the {0} {1}.", "Keep the {0} {1}."),
        _switched,
    ),
    Concept(
        "get_humidity humidity room_humidity getHumidity humidity_level read_humidity check_humidity hygrometer airMoisture",
        ("Humidity of a room.", "How humid the air in a room is", "Read the humidity sensor.", "Get a room's humidity in percent."),
        (string_param("room room area sensor place where", words_of(w.ROOMS), "The room", "Room with the sensor"),),
        ("How humid is the {0}?", "What's the humidity in the {0}?", "humidity {0}", "Is the air in the {0} too dry?", "There's mould in the {0}, what does the hygrometer say?", "Check how damp the {0} is.", "Read the humidity sensor of the {0}.", "{0} humidity?",
         "My plants in the {0} like moist air, is it humid enough?", "How damp is it in the {0}?", "How much moisture is in the air of the {0}?", "Tell me the humidity for the {0}.", "Does the {0} need airing? How humid is it?", "The {0} feels muggy, check the humidity.",
         "How many percent humidity in the {0}?", "Air moisture, {0}", "Should I run the dehumidifier in the {0}? Give me the humidity.", "The washing dries badly in the {0}, how humid is it there?", "Is the {0} damp?", "I need the humidity reading from the {0}.",
         "What is the relative humidity of the {0}?", "Look at the hygrometer in the {0}.", "My skin itches in the {0}: is the air dry?", "hygrometer {0}", "Give me the moisture level of the {0}.", "Windows in the {0} are steamed up. Humidity?"),
        simple("humidity", lambda s: s.rng.randrange(15, 96), "{v}%", "The humidity in the {0} is {v} percent."),
    ),
    Concept(
        "get_energy_use energy_use electricity_used energyUse power_consumption getConsumption meter_reading kwh_used energy_report",
        ("Electricity used on a day.", "How much energy the house used", "Get the power consumption of a date in kWh.", "Read the electricity meter for a day."),
        (string_param("date date day on when", _DATE, "The day", "Date to look up"),),
        ("How much electricity did we use on {0}?", "Energy use on {0}", "What was our consumption on {0}?", "kWh on {0}", "Did we waste power on {0}? How much was it?", "How many kilowatt hours on {0}?", "Power consumption {0}", "Tell me how much energy the house took on {0}.",
         "The bill is huge, check the electricity for {0}.", "What does the meter say for {0}?", "I'd like the energy figure of {0}.", "On {0}, how much current did we draw?", "Look up our electricity on {0}.", "electricity used {0}", "How high was the consumption on {0}?",
         "Give me the kilowatt hours of {0}.", "What did the house burn through on {0}?", "How hungry was our home on {0}, in kWh?", "Show the power use of {0}.", "I need the meter value for {0}.", "For {0}, what's the energy total?", "Was {0} an expensive day for electricity?",
         "How much did the heat pump and the rest draw on {0}?", "Report the consumption of {0}.", "energy report for {0}", "We had the heating on all day on {0}; how many kWh?"),
        simple("kwh", lambda s: w.decimal(s.rng), "{v} kWh", "On {0} the house used {v} kWh."),
    ),
    Concept(
        "find_my_phone ring_phone locate_phone findMyPhone ringPhone where_is_phone phone_finder find_device lost_phone",
        ("Find the user's own phone.", "Make the lost phone ring", "Locate my phone.", "Where the phone is, and ring it."),
        (),
        ("Where's my phone?", "I can't find my phone.", "Find my phone.", "Ring my phone, it's somewhere here.", "Make my phone ring.", "My mobile is gone again.", "I've lost my phone.", "phone lost, help", "Locate my mobile.", "Have you seen my phone?", "My phone must be under a cushion, let it ring.",
         "Help me look for my phone.", "where did I leave my mobile", "Did I leave my phone at the office?", "The phone has vanished, make it beep.", "Track down my phone.", "I put my phone down somewhere and now it's nowhere.", "Let my phone play a sound.", "find phone",
         "Can you see where my phone is?", "My phone's missing.", "Trace my mobile, I think I dropped it.", "Sound the phone so I can hear where it is.", "Which room is my phone in?", "I need to leave and my phone isn't in my bag.", "Show me where my mobile is."),
        simple("place", lambda s: f"{s.word(w.ROOMS)}", "It is in the {v}.", "Your phone is in the {v}."),
    ),
)

_EXERCISES = w.Pool.of("""
running jogging walking hiking cycling swimming rowing yoga pilates boxing climbing
dancing skipping stretching weightlifting sprinting skating skiing snowboarding surfing
kayaking canoeing paddling tennis squash badminton table_tennis volleyball basketball
football handball hockey rugby cricket baseball golf bowling fencing judo karate wrestling
archery gymnastics trampolining bouldering aerobics zumba spinning crossfit burpees
push-ups sit-ups squats lunges planks pull-ups kettlebells rope_jumping water_polo diving
horse_riding nordic_walking trail_running interval_training tai_chi ballet salsa
""")
_MEDICINES = w.Pool.of("""
ibuprofen paracetamol aspirin naproxen diclofenac amoxicillin penicillin doxycycline
azithromycin ciprofloxacin metformin insulin atorvastatin simvastatin ramipril lisinopril
enalapril amlodipine bisoprolol metoprolol propranolol losartan valsartan furosemide
torasemide spironolactone warfarin heparin clopidogrel omeprazole pantoprazole ranitidine
loperamide domperidone cetirizine loratadine fexofenadine prednisolone cortisone
hydrocortisone salbutamol montelukast levothyroxine allopurinol colchicine methotrexate
sertraline citalopram fluoxetine venlafaxine mirtazapine lithium lamotrigine gabapentin
pregabalin levetiracetam sumatriptan melatonin magnesium iron_tablets zinc folic_acid
vitamin_D fish_oil antihistamine cough_syrup nose_spray
""")
_SPECIALISTS = w.Pool.of("""
dentist dermatologist cardiologist neurologist optician orthopaedist gynaecologist
urologist paediatrician psychiatrist psychologist physiotherapist radiologist oncologist
surgeon allergist rheumatologist nephrologist endocrinologist pulmonologist podiatrist
chiropractor osteopath dietician midwife audiologist orthodontist anaesthetist haematologist
gastroenterologist geriatrician ophthalmologist immunologist hygienist speech_therapist
family_doctor eye_doctor skin_doctor heart_specialist foot_doctor bone_doctor ear_doctor
sports_doctor sleep_specialist pain_specialist travel_doctor back_specialist knee_surgeon
hand_surgeon hearing_specialist diabetes_nurse vaccination_nurse occupational_therapist
acupuncturist vein_specialist stomach_specialist voice_therapist homeopath tooth_surgeon lung_specialist kidney_specialist allergy_doctor dental_surgeon
""")
_LANDMARKS = w.Pool.of("""
opera_house town_hall old_bridge fish_market city_museum central_station football_stadium
cathedral university_library botanical_garden zoo aquarium concert_hall ferry_terminal
harbour lighthouse castle courthouse shopping_centre ice_rink swimming_pool fairground
planetarium post_office fire_station children's_hospital art_gallery market_hall
science_centre exhibition_hall beach_promenade cable_car water_tower city_gate old_mill
clock_tower monastery royal_palace parliament main_square flower_market tram_depot
sports_arena race_course velodrome climbing_hall music_school film_museum brewery
puppet_theatre city_archive marina fishing_pier observatory business_park trade_fair
bus_terminal north_gate south_gate medical_centre primary_school tennis_club
""")


def _stop(s: Source) -> Value:
    return f"{s.word(w.SURNAMES)} {s.one_of(('Street', 'Square', 'Bridge', 'Gate', 'Corner', 'Park', 'Hospital', 'Lane', 'Church'))}"


def _flight(s: Source) -> Value:
    code = s.one_of(("TP", "LH", "BA", "AF", "KL", "IB", "SK", "LX", "OS", "AY", "UA", "DL", "QF", "EK"))
    return f"{code}{s.one_of(('', '', ' '))}{s.rng.randrange(10, 9000)}"


def _train(s: Source) -> Value:
    return f"{s.one_of(('ICE', 'IC', 'RE', 'TGV', 'EC', 'AVE', 'RB', 'S', 'IR', 'NJ'))} {s.rng.randrange(1, 3000)}"


_TRAVEL: Final[tuple[Concept, ...]] = (
    Concept(
        "find_trains trains train_times findTrains search_trains rail_connections get_trains trainSearch timetable next_train railway",
        ("Find trains between two cities.", "Search train connections", "Trains from one station to another.", "Look up the railway timetable."),
        (string_param("origin from start departure from_station source", text_of(w.place), "Where the journey starts", "Departure station"),
         string_param("destination to arrival target to_station end", text_of(w.place), "Where the journey ends", "Arrival station"),
         string_param("time when at departure_time after hour", _CLOCK, "Time of departure", "When")),
        ("Which trains run from {0} to {1}?", "Find a train from {0} to {1}[ at {2}|].", "trains {0} {1}", "I'd like to take the train from {0} to {1}.", "By rail from {0} to {1}[, around {2}|].", "Is there a train to {1} leaving {0} at {2}?",
         "Next train from {0} to {1}?", "How do I get from {0} to {1} by train?", "train {0} - {1}[, {2}|]", "Look up rail connections between {0} and {1}.", "I want to be on a train to {1} at {2}, starting in {0}.", "No flying this time: which train goes from {0} to {1}?",
         "Show me the timetable of trains from {0} to {1}.", "When does the train for {1} leave {0}?", "Can I still catch a train in {0} that goes to {1}?", "From {0}, what trains are there towards {1}?", "After {2}, is there any train from {0} to {1}?",
         "A rail trip from {0} to {1}, please.", "My train has to leave {0} by {2} and take me to {1}.", "To {1} by train. I'm in {0}.", "Get me train times, {0} to {1}.", "railway {0} to {1} {2}", "Does a direct train go from {0} to {1}?",
         "We travel with bikes, so a train from {0} to {1} please.", "Check trains to {1} that depart from {0} at {2}.", "What's the best train from {0} to {1}?"),
        simple("train", _train, "{v}", "You can take the {v} from {0} to {1}."),
        required=2,
    ),
    Concept(
        "train_platform platform get_platform trainPlatform which_track find_platform getTrack platform_number lookup_platform",
        ("Platform a train leaves from.", "Get the track of a train", "Look up on which platform a train stands.", "Platform by train number."),
        (string_param("train train_number number train_id service which", _train, "The train", "Train number"),),
        ("Which platform does the {0} leave from?", "platform {0}", "Where do I board {0}?", "What track is {0} on?", "I'm at the station and can't find the {0}, which platform?", "Does {0} go from platform 1? Check.", "Platform of train {0}?",
         "Tell me the track for {0}.", "On which platform does {0} arrive?", "{0}, which track?", "I have to run: platform for the {0}?", "Look up the platform of the {0}.", "Has the platform of {0} changed?", "At what platform should I wait for the {0}?",
         "My mother comes with the {0}, where does it pull in?", "What's the platform number for {0}?", "Find {0}'s platform.", "track number {0}", "From where does train {0} depart, which platform?", "Do I go to another platform for the {0}?",
         "Give me the track of the {0}.", "Need the platform, train {0}", "The display is broken; which platform has the {0}?", "Where at the station is the {0}?", "The {0} leaves in a minute, what's the platform?", "Say which track {0} uses."),
        simple("platform", lambda s: s.rng.randrange(1, 31), "Platform {v}", "The {0} leaves from platform {v}."),
    ),
    Concept(
        "flight_gate get_gate gate flightGate boarding_gate find_gate getGate departure_gate lookup_gate gate_of",
        ("Gate of a flight.", "Get the boarding gate", "Look up which gate a flight uses.", "The gate for a flight number."),
        (string_param("flight flight_number number flight_no code flightNumber", _flight, "Flight number", "The flight"),),
        ("Which gate does flight {0} leave from?", "gate for {0}", "What's the gate of {0}?", "Where does {0} board?", "I'm through security, where's the gate for {0}?", "Boarding gate of flight {0}?", "Find the gate for {0}.", "{0} gate",
         "To which gate do I go for {0}?", "At what gate is {0}?", "Has a gate been announced for {0}?", "Tell me the departure gate for {0}.", "I fly with {0}, which gate is it?", "Look up {0}'s gate.", "Gate number, flight {0}",
         "They changed the gate of {0} again, where is it now?", "Is {0} leaving from a gate in this terminal? Which?", "Need the gate of my flight, it's {0}.", "Where should I wait to board {0}?", "Do you know {0}'s boarding gate?",
         "My plane is {0} and I can't see a gate.", "flight {0}, what gate", "Which gate must I hurry to for {0}?", "Give me the gate for flight {0}.", "Check the gate: {0}", "From which gate do passengers of {0} board?", "Show me the way: gate of {0}?", "Flight {0} goes from which gate?", "My boarding pass for {0} has no gate on it.", "Gate please, {0}."),
        simple("gate", lambda s: f"{s.one_of(('A', 'B', 'C', 'D', 'E', 'F'))}{s.rng.randrange(1, 80)}", "Gate {v}", "Flight {0} boards at gate {v}."),
    ),
    Concept(
        "book_hotel hotel reserve_hotel bookHotel hotel_booking book_stay find_hotel_room reserveHotel book_accommodation stay",
        ("Book a hotel in a city.", "Reserve a hotel room for some nights", "Make a hotel reservation.", "Book a stay: city, arrival, nights."),
        (string_param("city place town location where destination", text_of(w.place), "The city", "Where to stay"),
         string_param("checkin check_in arrival date from_date start", _DATE, "Day of arrival", "Check-in date"),
         integer_param("nights number_of_nights stay length count", 1, 22, "How many nights", "Length of the stay")),
        ("Book a hotel in {0} from {1} for {2} nights.", "I need a hotel in {0}, arriving {1}, {2} nights.", "hotel {0} {1} {2} nights", "Get me a room in {0} for {2} nights from {1}.", "We'll be in {0} on {1} and stay {2} nights, book us somewhere.",
         "{2} nights in a hotel in {0}, check-in {1}", "Reserve {2} nights in {0} starting {1}.", "I'm staying in {0} for {2} nights as of {1}, find me a bed.", "Find accommodation in {0}: {1}, {2} nights.", "A hotel room in {0} please, {2} nights, first night {1}.",
         "On {1} I arrive in {0} and need somewhere to sleep for {2} nights.", "Starting {1}, put me up in {0} for {2} nights.", "Check-in {1}, {2} nights, city {0}.", "Can I get a hotel in {0} for {2} nights beginning {1}?", "The fair in {0} starts on {1}; book {2} hotel nights.",
         "For {2} nights from {1}, a hotel in {0}.", "My parents visit {0} on {1}. They need a hotel for {2} nights.", "Would there be a room in {0} on {1} for {2} nights? Take it.", "hotel booking: {0}, {1}, {2} nights", "Make a hotel reservation in {0}, {2} nights, arriving on {1}.",
         "Business trip to {0}: arrival {1}, {2} nights, hotel please.", "Arrange {2} nights in {0} for me from {1} on.", "I don't want to sleep in the car in {0}, so book a hotel for {1}, {2} nights.", "Let's spend {2} nights in {0}, from {1}. Book the hotel.",
         "Sort out a hotel for {2} nights in {0}, we come on {1}.", "Overnight in {0}: {2} nights from {1}"),
        simple("booking", lambda s: w.identifier(s.rng), "Booked, reference {v}", "The hotel in {0} is booked; the reference is {v}."),
    ),
    Concept(
        "visa_required visa check_visa visaRequired need_visa visa_check getVisaRules entry_requirements visa_rules do_i_need_visa",
        ("Whether a visa is needed.", "Check the visa rules for a passport and a destination", "Look up entry requirements.", "Which visa people from one country need for another."),
        (string_param("passport nationality citizenship from_country passport_country home", words_of(w.COUNTRIES), "Country of the passport", "Nationality of the traveller"),
         string_param("destination to country to_country target travel_to", words_of(w.COUNTRIES), "Country to enter", "Where the trip goes")),
        ("Do I need a visa for {1} with a passport from {0}?", "visa {0} {1}", "Can people from {0} enter {1} without a visa?", "I'm from {0} and want to visit {1}, is a visa needed?", "Visa rules for {1} if you come from {0}", "My passport is from {0}. Will {1} let me in just like that?",
         "What visa do citizens of {0} need in {1}?", "Entry requirements of {1} for nationals of {0}?", "Check whether {1} wants a visa from travellers of {0}.", "A friend from {0} is going to {1}, visa or no visa?", "Is {1} visa-free for {0}?", "Passport {0}, destination {1}: visa?",
         "Going to {1}. I hold a passport of {0}. Do I have to apply for anything?", "Which visa lets me into {1} as a citizen of {0}?", "Tell me about visas for {1}, I come from {0}.", "With papers from {0}, how do I get into {1}?", "Look up if someone from {0} needs a visa to enter {1}.",
         "visa for {1}, nationality {0}", "At the border of {1}, would they ask somebody from {0} for a visa?", "We live in {0} and have its passport; what does {1} require for entry?", "Does {1} demand a visa when you're a national of {0}?", "I was born in {0}, so does {1} need me to have a visa?",
         "How is it with visas from {0} to {1}?", "Find the visa rule: passport {0}, country {1}", "Need the visa type for {1} on a passport from {0}.", "Holiday in {1} with a passport from {0}, any visa?"),
        simple("visa", lambda s: s.one_of(("not required", "required", "visa on arrival", "e-visa", "tourist visa", "transit visa only", "free for 30 days", "free for 90 days", "embassy visa")), "{v}", "With a passport from {0}, the visa rule for {1} is: {v}."),
    ),
    Concept(
        "find_parking parking findParking parking_near search_parking car_park get_parking parkingSpots where_to_park free_parking",
        ("Find parking near a place.", "Free car parks around a place", "Where to park close to somewhere.", "Search parking spaces."),
        (string_param("place near location landmark where destination", words_of(_LANDMARKS), "Near what", "Where to park", "The place"),),
        ("Where can I park near the {0}?", "Find parking by the {0}.", "parking {0}", "Is there a car park at the {0}?", "I'm driving to the {0}, where do I leave the car?", "Any free spaces near the {0}?", "We've circled the {0} three times. Parking, please!",
         "Look for a parking space around the {0}.", "Which car park is closest to the {0}?", "car park near {0}", "I need to park close to the {0}.", "Can you park at the {0}?", "Somewhere to put the car by the {0}?", "Get me a parking spot at the {0}.",
         "Parking around the {0}?", "Show car parks near the {0}.", "How's the parking situation at the {0}?", "I have tickets for the {0} and come by car, where to park?", "Where do visitors of the {0} park?", "Tell me where to leave my car when I go to the {0}.",
         "Search for free parking beside the {0}.", "The streets by the {0} are full, find me a garage.", "a place to park near the {0}", "Do they have parking at the {0}?", "Got to drop the van near the {0}, any spot?", "I'll be at the {0} in five minutes, need parking."),
        simple("car_park", lambda s: f"{s.word(w.STREETS)} garage", "{v}", "You can park near the {0} at {v}."),
    ),
    Concept(
        "next_bus bus bus_times nextBus bus_departures get_next_bus busStop when_is_bus bus_arrival departures",
        ("Next bus at a stop.", "When the next bus leaves a stop", "Minutes until the next bus.", "Bus departures, of one line if given."),
        (string_param("stop bus_stop station at name from", _stop, "The bus stop", "Name of the stop"),
         integer_param("line bus_line number route bus", 1, 400, "Bus line", "Number of the line")),
        ("When does the next bus leave from {0}?", "Next bus at {0}?", "bus {0}", "How long until the bus comes to {0}?", "When is bus {1} at {0}?", "I'm waiting at {0}, when does the {1} come?", "Next {1} from {0}", "Has the {1} bus passed {0} already? When's the next?",
         "It's raining at {0} and there is no bus. When?", "Bus departures at {0}[, line {1}|].", "Line {1}, stop {0}: how many minutes?", "Do I have time for a coffee before the bus leaves {0}?", "Check the bus times for {0}.", "What time does bus number {1} stop at {0}?",
         "Tell me when a bus goes from {0}.", "How soon is the next bus at {0}?", "Any bus coming to {0} soon?", "Look up when line {1} is due at {0}.", "From {0}, when can I catch a bus?", "bus stop {0}[ line {1}|]", "Will I have to wait long for the bus at {0}?",
         "I need bus {1} and I'm at {0}.", "The bus at {0}, when?", "Should I run? Next bus at {0}.", "When may I expect the {1} at the stop {0}?", "Minutes to the next bus, {0}", "Give me the next departure of bus {1} at {0}."),
        simple("minutes", lambda s: s.rng.randrange(1, 60), "{v} min", "The next bus at {0} comes in {v} minutes."),
        required=1,
    ),
    Concept(
        "call_taxi taxi book_taxi order_taxi callTaxi get_cab request_ride bookRide hail_cab cab",
        ("Call a taxi.", "Order a taxi to an address", "Book a ride from one address to another.", "Get a cab."),
        (string_param("pickup from address start pickup_address where", address, "Where to pick up", "Pick-up address"),
         string_param("destination to dropoff target drop_off end", address, "Where to go", "Destination address")),
        ("Call a taxi from {0} to {1}.", "I need a cab at {0}, going to {1}.", "taxi {0} to {1}", "Get me a taxi to {1}, I'm at {0}.", "Pick me up at {0} and drive me to {1}.", "Order a ride from {0} to {1}.", "Could a taxi come to {0}? I have to get to {1}.",
         "My grandmother is at {0} and has to go to {1}, send a taxi.", "Cab please: {0} to {1}", "We're stuck at {0}, get a taxi to {1}.", "A taxi for {0}, destination {1}.", "I'd like to be driven from {0} to {1}.", "Take me to {1}. Pick-up at {0}.",
         "Book a cab to {1} for somebody waiting at {0}.", "ride from {0}, drop off at {1}", "To {1} by taxi, leaving from {0}.", "Too tired to walk from {0} to {1}, call a cab.", "Would you send a taxi round to {0}? It goes to {1}.", "Have a taxi collect me at {0} for {1}.",
         "pickup {0}, dropoff {1}", "How quickly can a taxi be at {0}? I'm off to {1}.", "The party at {0} is over, we need a cab home to {1}.", "Hail a taxi at {0} that takes us to {1}.", "I missed the last bus. Taxi from {0} to {1}!", "Arrange a ride to {1} for me at {0}.", "A car from {0} to {1}, please."),
        simple("minutes", lambda s: s.rng.randrange(2, 45), "Arrives in {v} minutes", "The taxi will be at {0} in {v} minutes."),
    ),
    Concept(
        "driving_time travel_time drive_time drivingTime get_driving_time how_long_drive route_duration getTravelTime car_journey eta",
        ("How long a drive takes.", "Driving time between two cities", "Get the duration of a car journey.", "Time by car from one place to another."),
        (string_param("origin from start source place_a departure", text_of(w.place), "Start of the drive", "From"),
         string_param("destination to end target place_b arrival", text_of(w.place), "End of the drive", "To")),
        ("How long does it take to drive from {0} to {1}?", "driving time {0} {1}", "How many hours by car from {0} to {1}?", "If I drive from {0} to {1}, how long am I on the road?", "Is {1} a long drive from {0}?", "What's the drive from {0} to {1} like, in minutes?",
         "How much time do I need by car from {0} to {1}?", "Time by road between {0} and {1}?", "Setting off from {0} by car: how long to {1}?", "Drive {0} to {1}, duration?", "Tell me how long the car journey from {0} to {1} takes.", "We want to do {0} to {1} by car. How long?",
         "Can you drive from {0} to {1} in an afternoon? How long is it?", "How long behind the wheel from {0} to {1}?", "To {1} by car from {0}, how many minutes?", "Estimate the driving time to {1} from {0}.", "road trip {0} to {1}, how long", "What does the route planner say for the drive {0} to {1}?",
         "I'm leaving {0} with the van now, how long until I'm in {1}?", "Give me the time it takes to drive to {1} from {0}.", "How long would I be driving between {0} and {1}?", "Traffic included, how long from {0} to {1} by car?", "Duration by car, {0} to {1}", "How long must the children sit in the car from {0} to {1}?",
         "When you drive from {0}, how long does {1} take?", "Calculate how long we'll drive from {0} to {1}.", "How many minutes on the motorway from {0} to {1}?", "By road, how long is the trip from {0} to {1}?", "Going by car, when would I reach {1} if I leave {0} now?", "The drive {0} - {1} takes how long?"),
        simple("minutes", lambda s: s.rng.randrange(20, 1500), "{v} minutes", "The drive from {0} to {1} takes {v} minutes."),
    ),
    Concept(
        "find_charger charging_station findCharger ev_charger nearest_charger search_chargers chargePoint get_charging_points charging_near",
        ("Find a charging station for an electric car.", "Charging points near a place", "Nearest charger in a city.", "Where to charge the car."),
        (string_param("city place location near town where", text_of(w.place), "The city", "Where to charge"),),
        ("Where can I charge the car in {0}?", "Find a charging station in {0}.", "ev charger {0}", "Are there chargers in {0}?", "I'm low on battery near {0}, where's a charger?", "Nearest charging point to {0}", "We pass through {0} and have to charge.", "Look for a free charger around {0}.",
         "charging {0}", "Does {0} have a fast charger?", "My electric car needs juice, I'm in {0}.", "Show me charging stations in {0}.", "Where do people plug in their cars in {0}?", "Any place to charge an electric car in {0}?", "Get me to a charger close to {0}.",
         "Which charging station is there in {0}?", "A charging point in {0}, quickly.", "Stop in {0} to charge: where?", "I want to top up the car's battery in {0}.", "Search chargers near {0}.", "How do I charge the car in {0}, is there a station?", "charge point in {0}",
         "Could the car be charged in {0}? Where exactly?", "Locate a charger for my car in {0}.", "Tell me about car chargers in {0}.", "Our car has to be plugged in at {0}, find a station there."),
        simple("address", address, "{v}", "There is a charger in {0} at {v}."),
    ),
    Concept(
        "rent_car car_rental hire_car rentCar book_car reserve_car carHire rental_car get_rental hireCar",
        ("Rent a car.", "Hire a car in a city for some days", "Book a rental car.", "Reserve a hire car from a date."),
        (string_param("city place location where pickup town", text_of(w.place), "Where to pick up the car", "City"),
         string_param("date from_date start pickup_date when day", _DATE, "First day", "Pick-up date"),
         integer_param("days number_of_days length duration count", 1, 31, "How many days", "Length of the rental")),
        ("Rent a car in {0} from {1} for {2} days.", "I need a hire car in {0} on {1}, {2} days.", "rental car {0} {1} {2} days", "Book me a car in {0} for {2} days starting {1}.", "Hire a car for {2} days in {0}, pick-up {1}.", "We land in {0} on {1} and want a car for {2} days.",
         "Get a rental in {0}: {1}, {2} days.", "For {2} days from {1} I'd like a car in {0}.", "Can I rent a car in {0} on {1} and keep it {2} days?", "car hire, {0}, {1}, {2} days", "Reserve a rental car at {0}, first day {1}, {2} days in all.", "On {1} I pick up a car in {0}, for {2} days. Arrange it.",
         "Without a car we're lost in {0}: rent one on {1} for {2} days.", "Starting {1}, {2} days with a rented car in {0}.", "Find me a car to drive in {0} for {2} days as of {1}.", "A small rental in {0} please, {2} days from {1}.", "{2} days car rental in {0} beginning {1}",
         "Please see to a hire car, {0}, from {1}, {2} days.", "My own car is in the garage, hire one in {0} on {1} for {2} days.", "I'd rather drive myself in {0}: rent a car {1}, {2} days.", "Let me have a hired car in {0} for {2} days, pick-up on {1}.", "Rent something with four wheels in {0}, {1}, for {2} days.",
         "Touring around {0} from {1}. Car for {2} days.", "How about a hire car in {0} for {2} days from {1}? Book it.", "Make a car rental for {2} days in {0}, pickup date {1}.", "hire: {0} / {1} / {2} days"),
        simple("booking", lambda s: w.identifier(s.rng), "Reserved: {v}", "A car in {0} is reserved; the reference is {v}."),
    ),
    Concept(
        "plug_type socket_type power_plug plugType get_socket_type electrical_outlet adapter_needed getPlug outlet_type which_adapter",
        ("Plug type used in a country.", "Which sockets a country has", "Get the type of power outlet.", "Look up the travel adapter for a country."),
        (string_param("country destination nation place where name", words_of(w.COUNTRIES), "The country", "Where the trip goes"),),
        ("Which plug do they use in {0}?", "Do I need an adapter in {0}?", "plug type {0}", "What are the sockets like in {0}?", "Will my charger fit in {0}?", "I'm packing for {0}, which adapter do I take?", "What kind of power outlet does {0} have?", "adapter for {0}",
         "Sockets in {0}?", "Can I plug in my shaver in {0}? Which type is it?", "Tell me the plug type for {0}.", "Look up which plugs fit in {0}.", "What do wall sockets in {0} take?", "Which travel adapter works in {0}?", "electrical outlets {0}", "How do I charge my phone in {0}, what socket?",
         "Is the plug in {0} a different one?", "The letter for the plugs of {0}, please.", "Going to {0} and don't know about plugs.", "Are the power sockets in {0} like ours? Which type?", "{0}: which socket", "Find out what outlet they have in {0}.", "Should I buy an adapter before {0}? For which plug?",
         "What plug should my hair dryer have for {0}?", "Give me the socket standard of {0}.", "I wonder what the plugs look like in {0}."),
        simple("type", lambda s: f"type {s.one_of(tuple('ABCDEFGHIJKLMN'))}", "{v}", "In {0} the plug is {v}."),
    ),
)

_HEALTH: Final[tuple[Concept, ...]] = (
    Concept(
        "log_workout workout add_workout logWorkout record_exercise log_exercise track_workout addExercise save_workout training_log",
        ("Log a workout.", "Record an exercise and its length", "Add a workout to the training diary.", "Save how long somebody exercised."),
        (string_param("exercise activity sport workout kind what", words_of(_EXERCISES), "The exercise", "Kind of sport"),
         integer_param("minutes duration length mins time_minutes", 3, 240, "Minutes", "How long in minutes")),
        ("Log {1} minutes of {0}.", "I did {1} minutes of {0}.", "workout: {0}, {1} min", "Just finished {0}, {1} minutes.", "Record my {0} session, it took {1} minutes.", "{1} min {0}", "Add {0} to my training diary, {1} minutes.", "Today's sport was {0} for {1} minutes.", "Put {1} minutes of {0} in the log.",
         "I've been at {0} for {1} minutes, write it down.", "{0} done! {1} minutes!", "My legs are dead after {1} minutes of {0}. Save that.", "Track a workout of {1} minutes, {0}.", "Note that I spent {1} minutes on {0}.", "Can you add {1} minutes of {0} to my workouts?", "This morning: {0}, {1} minutes",
         "Enter {0} as exercise, duration {1} minutes.", "log exercise {0} {1}", "Coach wants it in the diary: {1} minutes of {0}.", "I managed {1} minutes of {0} for once.", "Save my training. It was {0} and lasted {1} minutes.", "For {1} minutes I was doing {0}, count it.", "Book me {1} minutes of {0} in the fitness app.",
         "Before breakfast I got in {1} minutes of {0}.", "Exercise log entry, {0}, {1} minutes.", "Sweaty {1} minutes of {0} behind me, log them."),
        simple("calories", lambda s: s.rng.randrange(20, 1500), "Logged, {v} kcal", "I logged {1} minutes of {0}; that is {v} kcal."),
    ),
    Concept(
        "log_medicine take_medicine record_dose logMedicine log_medication medication_taken addDose track_pill medicine_log",
        ("Log that a medicine was taken.", "Record a dose", "Save a medication with its dose in mg.", "Medication diary entry."),
        (string_param("medicine drug medication name pill what", words_of(_MEDICINES), "The medicine", "What was taken"),
         integer_param("mg dose milligrams amount dosage", 5, 1001, "Dose in mg", "Milligrams")),
        ("I took {1} mg of {0}.", "Log {1} mg {0}.", "{0} {1} mg taken", "Record a dose of {0}, {1} milligrams.", "Just had my {0}, {1} mg.", "Write down that I've taken {0}, {1} mg.", "dose: {0} {1} mg", "Medication diary: {1} mg of {0}.", "I've swallowed {1} mg of {0} for the headache, note it.", "Add {0} to what I took today, {1} mg.",
         "Save it: {1} mg {0}, now.", "Mum got {1} mg of {0}, put it in the log.", "The nurse gave {1} milligrams of {0}.", "My evening {0} is taken, {1} mg.", "Enter {1} mg of {0} in the medicine log.", "Tick off my {0}, {1} mg.", "Had {0} ({1} mg) after lunch.", "Keep a record: {0}, dose {1} mg.",
         "That was {1} mg of {0}, remember it for the doctor.", "Today's {0} was {1} mg.", "Note down the medicine I took, {1} mg {0}.", "log medication {0} {1}", "Can you mark that I took {1} mg of {0}?", "Half an hour ago I took {0}, {1} mg; log that.", "Pill taken: {0}, {1} mg", "I needed {1} mg of {0} again."),
        done("Logged {0}", "I logged {1} mg of {0}."),
    ),
    Concept(
        "check_interaction drug_interaction interactions checkInteraction medicine_interaction can_combine compare_drugs interactionCheck is_safe_together",
        ("Whether two medicines may be taken together.", "Check the interaction of two drugs", "Look up if medicines interact.", "Drug interaction check."),
        (string_param("first drug_a medicine_a a medicine drug1", words_of(_MEDICINES), "First medicine", "One of the two"),
         string_param("second drug_b medicine_b b other drug2", words_of(_MEDICINES), "Second medicine", "The other one")),
        ("Can I take {0} together with {1}?", "Does {0} interact with {1}?", "{0} and {1} on the same day?", "Is it safe to combine {0} and {1}?", "interaction {0} {1}", "I'm on {0}, may I have {1} as well?", "Check {0} against {1}.", "Do {0} and {1} get along?", "Is {1} a problem if somebody takes {0}?",
         "The doctor gave me {1} but I already take {0}, is that dangerous?", "Any trouble when mixing {0} with {1}?", "{0} plus {1}: bad idea?", "Would {1} be fine on top of {0}?", "Look up interactions between {0} and {1}.", "My father takes {0} and now {1}, should we worry?", "What happens if {0} is taken with {1}?",
         "Are {0} and {1} compatible?", "Tell me whether {0} goes with {1}.", "drug check: {0}, {1}", "How risky is {1} alongside {0}?", "Before I take {1}: I had {0} this morning, ok?", "May one swallow {0} and {1} at the same time?", "Should I keep {0} and {1} apart?", "With {0} in my system, is {1} allowed?",
         "I need to know if {0} clashes with {1}.", "Can you combine {0} and {1}, or not?"),
        simple("risk", lambda s: s.one_of(("none", "low", "mild", "moderate", "high", "severe", "unknown", "very low", "considerable")), "{v}", "The risk of {0} with {1} is: {v}."),
    ),
    Concept(
        "get_heart_rate heart_rate pulse heartRate read_pulse current_heart_rate getPulse bpm measure_pulse",
        ("The user's heart rate.", "Read the pulse from the watch", "Get the current heart rate in beats per minute.", "Current pulse."),
        (),
        ("What's my heart rate?", "How fast is my heart beating?", "pulse?", "Check my pulse.", "My heart is racing, how much is it?", "Read my heart rate from the watch.", "How high is my pulse right now?", "bpm now", "Show my heart rate.", "Am I calm? What's my pulse?", "What does the watch say about my heart?",
         "Measure my pulse.", "I feel my heart pounding, check it.", "Is my heart rate normal?", "Tell me my beats per minute.", "I've just run up the stairs, what's my pulse?", "Give me the current heart rate.", "heart rate please, I'm about to start running", "Can you see how my heart is doing?", "Look at my pulse for a second.",
         "How many beats a minute am I at?", "Has my pulse come down yet?", "Is my heart beating too fast?", "My pulse, please.", "what's the heart rate on the band", "Take my pulse."),
        simple("bpm", lambda s: s.rng.randrange(42, 190), "{v} bpm", "Your heart rate is {v} beats per minute."),
    ),
    Concept(
        "get_steps steps step_count getSteps count_steps steps_on daily_steps stepCount pedometer",
        ("Steps walked on a day.", "Get the step count of a date", "How many steps the user made.", "Read the pedometer."),
        (string_param("date day on when which_day", _DATE, "The day", "Date to look up"),),
        ("How many steps did I take on {0}?", "steps on {0}", "What's my step count for {0}?", "How far did my feet carry me on {0}, in steps?", "Did I walk enough on {0}? How many steps?", "Look up my steps, {0}.", "Step counter, {0}?", "On {0} I walked how many steps?", "Tell me the steps of {0}.",
         "I walked around town all day on {0}, count the steps.", "Give me {0}'s step count.", "Was {0} a lazy day? Check my steps.", "How many steps were there on {0}?", "pedometer {0}", "Show how much I walked on {0}.", "My steps for {0}, please.", "What did the step counter read on {0}?", "Number of steps I made on {0}",
         "Did I reach my steps on {0}? What was the count?", "For {0}, how many steps have you recorded?", "I'd like to see the steps from {0}.", "How many steps does the watch have for {0}?", "We hiked on {0}. How many steps was that?", "Was I on my feet much on {0}? Steps, please.", "step count {0}", "Fetch the steps for {0}."),
        simple("steps", lambda s: s.rng.randrange(100, 40000), "{v} steps", "On {0} you took {v} steps."),
    ),
    Concept(
        "set_step_goal step_goal setStepGoal daily_goal change_goal update_step_goal stepTarget set_target walking_goal",
        ("Set the daily step goal.", "Change how many steps the user wants to walk a day", "Update the step target.", "A new goal for steps per day."),
        (integer_param("steps goal target count number daily_steps", 1000, 30000, "Steps per day", "The new goal"),),
        ("Set my step goal to {0}.", "I want to walk {0} steps a day from now on.", "step goal {0}", "My new target is {0} steps.", "Change the daily goal to {0} steps.", "Make it {0} steps a day.", "The goal is too easy, raise it to {0} steps.", "From tomorrow I'm aiming for {0} steps each day.", "Daily steps target: {0}",
         "The doctor says {0} steps every day, so make that my goal.", "Let's try for {0} steps per day.", "Could my target be {0} steps?", "Lower my step goal, {0} will do.", "{0} steps should be my daily aim.", "Put {0} as the number of steps I have to reach.", "Update the step target, {0} please.", "I never make my goal. Bring it to {0} steps.",
         "New year, new goal: {0} steps a day.", "Challenge me with {0} steps daily.", "goal: {0} steps per day", "How about aiming at {0} steps a day? Set it.", "I'd like {0} as my walking goal.", "Adjust my goal, I want {0} steps.", "Have the watch expect {0} steps from me every day.", "My step goal ought to be {0}.", "Reset the step goal to {0}."),
        done("Goal: {0} steps", "Your step goal is {0} steps a day."),
    ),
    Concept(
        "log_weight weight record_weight logWeight add_weight save_weight track_weight weighIn body_weight",
        ("Log the user's weight.", "Record body weight in kg", "Save a weight.", "Add a weigh-in to the diary."),
        (Param("kg weight kilos value kilograms body_weight", "number", lambda s: s.rng.choice((s.rng.randrange(45, 140), round(s.rng.uniform(45, 140), 1))), ("Kilograms", "Weight in kg", "Body weight")),),
        ("I weigh {0} kg.", "Log my weight: {0}", "weight {0}", "The scales say {0} today.", "Record {0} kilos for this morning.", "I'm at {0} kg now.", "Put down {0} kg as my weight.", "Weighed myself, {0} kilos.", "{0} kg on the scales", "Add {0} kg to my weight diary.", "Save today's weight, it's {0}.", "My weight is {0} kg, keep track of it.",
         "Good news, I'm down to {0} kilos!", "Too much cake, {0} kg. Write it down.", "Enter {0} kg under body weight.", "This week's weigh-in: {0} kg", "Note my weight, {0} kilos.", "Track my weight at {0}.", "I've reached {0} kilos, log it.", "Can you note that I weigh {0} kg?", "log weight {0} kg", "On the scales this morning I was {0} kg.", "Body weight {0} kilos, please save.",
         "I went up to {0} kg.", "Update my weight to {0} kg.", "For the weight chart: {0} kg"),
        done("Saved {0} kg", "I noted your weight, {0} kg."),
    ),
    Concept(
        "log_water drink_water add_water logWater track_water record_drink hydration waterIntake log_drink water_log",
        ("Log water that was drunk.", "Record how much the user drank, in ml", "Add to today's water intake.", "Keep track of hydration."),
        (integer_param("ml amount millilitres water volume", 50, 1500, "Millilitres", "How much in ml"),),
        ("I drank {0} ml of water.", "Log {0} ml of water.", "water {0} ml", "Add {0} ml to my water.", "Another {0} ml down.", "Just emptied a bottle of {0} ml, count it.", "Record a drink, {0} ml.", "{0} ml water", "I've had {0} millilitres to drink.", "Put {0} ml on my drinking log.", "That glass was {0} ml, note it.", "Hydration: {0} ml more",
         "I finally drank something, {0} ml.", "Track {0} ml of water for me.", "Note {0} ml, I was thirsty.", "My glass holds {0} ml and it's empty now.", "Save a water intake of {0} ml.", "After the run I drank {0} ml.", "Count {0} ml towards today's water.", "Can you add another {0} ml of water?", "drank {0} ml", "Write down {0} ml of tap water.",
         "A big gulp: {0} ml, log it.", "Increase today's water by {0} ml.", "With lunch I had {0} ml of water.", "Keep count, {0} ml of water this time."),
        simple("total", lambda s: s.rng.randrange(1500, 4000), "Total {v} ml", "I added {0} ml; you have drunk {v} ml today."),
    ),
    Concept(
        "get_sleep sleep sleep_hours getSleep sleep_report how_long_slept sleepDuration night_report sleep_tracker",
        ("How long the user slept.", "Get the hours of sleep for a night", "Sleep tracker: hours on a date.", "Look up the sleep of a night."),
        (string_param("date night day on when", _DATE, "The night", "Date of the night"),),
        ("How long did I sleep on {0}?", "sleep {0}", "How many hours of sleep did I get on {0}?", "Was {0} a good night? How long was I asleep?", "My sleep on {0}?", "What does the tracker say about the night of {0}?", "Hours slept, {0}", "I was so tired after {0}, how much had I slept?", "Look up my night of {0}.",
         "Did I sleep enough on {0}?", "Tell me how I slept on {0}, in hours.", "On {0}, how long was I in dreamland?", "Check the sleep data for {0}.", "Give me the hours of sleep from {0}.", "Show my sleep for {0}.", "How short was the night of {0}?", "I'd like to know how much sleep I had on {0}.", "sleep report {0}", "Did the baby let me sleep on {0}? How many hours?",
         "Sleep duration on {0}?", "For the night of {0}, how many hours?", "How was my sleep on {0}?", "How much rest did I get in bed on {0}?", "Number of hours I slept on {0}", "Fetch the sleep of {0}.", "Could you see how long I slept on {0}?"),
        simple("hours", lambda s: round(s.rng.uniform(2, 11), 1), "{v} hours", "On {0} you slept {v} hours."),
    ),
    Concept(
        "book_doctor doctor_appointment make_appointment bookDoctor medical_appointment schedule_doctor bookAppointment see_doctor appointment",
        ("Make an appointment with a doctor.", "Book a doctor's appointment", "Get an appointment at a practice on a day.", "Schedule a visit to a doctor."),
        (string_param("doctor specialist with practice physician who", words_of(_SPECIALISTS), "The doctor", "Doctor or kind of doctor"),
         string_param("date day on when appointment_date", _DATE, "The day", "Date of the appointment"),
         string_param("time at hour start slot", _CLOCK, "Time of day", "When on that day")),
        ("Book an appointment with the {0} on {1}[ at {2}|].", "I need to see the {0} on {1}.", "doctor {0} {1} {2}", "Make me an appointment at the {0} for {1}[, {2}|].", "My knee hurts, get me a slot with the {0} on {1}.", "Can I see the {0} on {1} at {2}?", "appointment {0} {1}", "On {1} I'd like to go to the {0}.",
         "Arrange a visit to the {0}, {1}[ at {2}|].", "The {0} should look at my ear on {1}, book that.", "Schedule the {0} for my son on {1} at {2}.", "See if the {0} has time for me on {1}, and book it.", "Put me down with the {0} on {1} at {2}.", "At {2} on {1} I want to be at the {0}.", "I'm free on {1}, book the {0}.",
         "Could you get me in with the {0} on {1}?", "Check-up with the {0}: {1}[, {2}|]", "Time for my yearly visit to the {0}; take {1}.", "An appointment on {1} with the {0}, at {2}.", "Ring the practice of the {0} and get me an appointment on {1}.", "I've put off the {0} for months. Book {1}.", "{1}, {2}: appointment with the {0}", "Let the {0} examine me on {1}.",
         "Fix a date with the {0}, {1} at {2} suits me.", "My daughter has a rash, make an appointment with the {0} for {1}.", "Reserve a slot at the {0} on {1}."),
        simple("appointment", lambda s: w.identifier(s.rng), "Confirmed: {v}", "You have an appointment with the {0} on {1}; the number is {v}."),
        required=2,
    ),
    Concept(
        "find_pharmacy pharmacy open_pharmacy findPharmacy nearest_pharmacy night_pharmacy searchPharmacies drugstore chemist_near",
        ("Find a pharmacy that is open.", "Pharmacies in a city", "Nearest pharmacy on duty.", "Look up where to get medicine."),
        (string_param("city place town location near where", text_of(w.place), "The city", "Where to look"),),
        ("Which pharmacy is open in {0}?", "Find a pharmacy in {0}.", "pharmacy {0}", "I need a chemist in {0}.", "Where can I get medicine in {0} at this hour?", "Is there a pharmacy on duty in {0}?", "Nearest pharmacy in {0}?", "My child has a fever and we're in {0}, where's a pharmacy?", "night pharmacy {0}",
         "Look for an open chemist's in {0}.", "I've run out of pills in {0}, where do I buy them?", "Show me a pharmacy in {0}.", "Any drugstore open in {0}?", "Where do I take my prescription in {0}?", "A pharmacy around {0}, please.", "Tell me where the pharmacy in {0} is.", "Have they got a late pharmacy in {0}?",
         "Who sells plasters and painkillers in {0} now?", "Search for pharmacies in {0}.", "I'm visiting {0} and need a pharmacist.", "emergency pharmacy in {0}", "On Sunday, which pharmacy serves {0}?", "Find out which chemist has night duty in {0}.", "I have a prescription and I'm in {0}.", "Open pharmacies near {0}?", "Get me the address of a pharmacy in {0}."),
        simple("address", address, "{v}", "There is a pharmacy in {0} at {v}."),
    ),
)

_INGREDIENTS = w.Pool.of("""
tomatoes potatoes onions garlic carrots leeks celery spinach kale cabbage broccoli
cauliflower courgettes aubergines peppers mushrooms pumpkin beetroot radishes turnips
parsnips fennel asparagus artichokes peas beans lentils chickpeas rice couscous quinoa
bulgur oats barley pasta noodles flour eggs butter cream milk yoghurt buttermilk
mascarpone mozzarella feta parmesan ricotta tofu tempeh chicken turkey duck beef pork lamb
bacon ham salami salmon tuna cod trout prawns mussels squid anchovies apples pears plums
peaches apricots cherries strawberries raspberries blueberries grapes bananas oranges
lemons limes figs dates raisins walnuts almonds hazelnuts peanuts sesame honey sugar
cinnamon ginger basil parsley coriander dill thyme rosemary saffron olives capers mustard
vinegar coconut_milk soy_sauce breadcrumbs chocolate vanilla avocados sweetcorn gherkins
""")
_DISHES = w.Pool.of("""
lasagne moussaka paella risotto goulash ratatouille quiche pancakes waffles omelette
shakshuka falafel hummus tabbouleh couscous_salad potato_salad lentil_soup onion_soup
pumpkin_soup fish_soup minestrone borscht ramen pho pad_thai green_curry butter_chicken
biryani dal samosas spring_rolls dumplings sushi fried_rice stir_fry chilli burritos tacos
enchiladas fajitas guacamole burgers meatballs shepherd's_pie fish_pie chicken_pie
beef_stew lamb_stew pot_roast roast_chicken schnitzel gnocchi carbonara bolognese pesto
gazpacho tortilla empanadas ceviche feijoada cod_fritters apple_crumble cheesecake
carrot_cake banana_bread brownies tiramisu rice_pudding custard_tarts scones gingerbread
lemon_tart plum_cake cinnamon_rolls focaccia sourdough pretzels
""")
_NUTRIENTS = w.Pool.of("""
protein fat fibre sugar salt starch calcium iron magnesium potassium sodium zinc selenium
iodine phosphorus copper manganese chromium fluoride folate biotin niacin thiamine
riboflavin choline cholesterol carbohydrates water caffeine alcohol lactose gluten fructose
glucose sucrose saturated_fat trans_fat omega-3 omega-6 vitamin_A vitamin_B6 vitamin_B12
vitamin_C vitamin_D vitamin_E vitamin_K beta-carotene lutein lycopene lysine leucine
tryptophan oxalate purines polyphenols antioxidants histamine collagen roughage nitrate
""")
_CUISINES = w.Pool.of("""
Thai Italian French Greek Turkish Lebanese Moroccan Ethiopian Indian Nepalese Chinese
Japanese Korean Vietnamese Indonesian Malaysian Mexican Peruvian Brazilian Argentinian
Cuban Spanish Portuguese German Austrian Swiss Hungarian Polish Russian Ukrainian Georgian
Armenian Persian Afghan Pakistani Syrian Israeli Egyptian Tunisian Senegalese Nigerian
Kenyan Caribbean Jamaican Cajun Hawaiian Scandinavian Swedish Danish Finnish Irish
Scottish British Dutch Belgian Croatian Bulgarian Romanian Mongolian Tibetan vegan
vegetarian seafood halal kosher barbecue
""")
_TROUBLES = w.Pool.of("""
projector flickers|printer jams|coffee machine leaks|door badge rejected|screen stays black
keyboard types double letters|wifi drops every hour|heating too loud|window will not close
lift stuck on floor two|mouse does not move|scanner makes stripes|login page is blank
invoice total is wrong|backup failed last night|phone has no dial tone|chair is broken
camera shows no picture|mail arrives late|calendar shows wrong week|password expired
battery swells|docking station dead|report has empty columns|search finds nothing
button does nothing|page loads slowly|export stops halfway|import loses umlauts
map shows the wrong street|discount not applied|photos are upside down|sound cuts out
video freezes|shared folder is gone|file cannot be saved|update never ends|fan rattles
light in the corridor is out|tap drips|toilet is blocked|fridge in the kitchen smells
parking barrier stays shut|fire door jammed|meeting room too hot|desk wobbles
headset crackles|tablet does not charge|spreadsheet crashes|form rejects my address
link is broken|chart has no labels|table is cut off|menu covers the text|colours look wrong
language switches back|reminders come twice|two users share one name|old logo on letters
receipt is not printed|server room too warm|blinds are stuck|carpet is loose|alarm beeps
""".strip().replace("\n", "|"), "|")
_DUTIES = w.Pool.of("""
release notes|budget draft|customer survey|website texts|stock count|office move
fire drill|summer party|price list|press release|annual report|trade fair booth
onboarding plan|test protocol|data migration|supplier contract|training videos
payroll run|security audit|newsletter|logo redesign|catalogue photos|travel policy
quarterly figures|tax return|fleet renewal|warehouse plan|first aid course|complaint letters
interview schedule|translation of the manual|server upgrade|cable labelling|kitchen rota
parking plan|recycling scheme|welcome pack|user guide|pilot study|risk list|sales forecast
launch plan|roadmap|grant application|floor plan|lab safety check|archive clean-up
guest list|speaker programme|seating plan|market research|product demo|price comparison
credit check|delivery schedule|maintenance plan|shift plan|staff survey|glossary|style guide
insurance claim|patent search|energy audit|customs papers|exhibition catalogue
""".strip().replace("\n", "|"), "|")
_MEETINGS = w.Pool.of("""
budget review|sprint planning|design review|sales call|board meeting|team retreat
kick-off|retrospective|safety briefing|product demo|strategy day|hiring round|press briefing
works council|annual review|status update|roadmap session|customer workshop|vendor call
project handover|lessons learned|quarterly review|town hall|lunch talk|code review
training session|marketing sync|legal check|contract talks|site inspection|quality circle
data workshop|budget hearing|pricing round|launch meeting|steering group|security review
architecture board|planning poker|research seminar|editorial meeting|shift handover
crisis call|supplier audit|brand workshop|data protection meeting|release planning
warehouse walk|exit interview|salary talks|feedback round|support review|innovation lab
finance committee|founders' breakfast|partner summit|technical forum|usability test
factory tour|recruiting call|risk review|portfolio review|intern welcome|investor call
""".strip().replace("\n", "|"), "|")
_EXPENSES = w.Pool.of("""
taxi train_ticket hotel lunch dinner parking fuel flight toner paper stamps flowers
conference_fee office_chair webcam headset keyboard bus_fare tolls car_wash visa_fee coffee
team_dinner catering cables software_licence books newspaper translation printing posters
business_cards courier postage laptop_bag adapter phone_bill data_roaming baggage_fee
rental_car underground_ticket bicycle_repair first_aid_kit cleaning whiteboard markers
notebooks batteries light_bulbs plants client_gift birthday_cake training_course exam_fee
museum_visit room_hire projector_rental workwear safety_boots gloves tools spare_parts
domain_name web_hosting stock_photos breakfast tips laundry ferry_ticket
""")
_ROOM_NAMES = w.Pool.of("""
Aquarium Lighthouse Greenhouse Attic Treehouse Harbour Cockpit Bridge Engine_Room Library
Orchard Meadow Glacier Volcano Canyon Lagoon Oasis Savannah Tundra Rainforest Atlas Orion
Sirius Vega Polaris Andromeda Jupiter Saturn Neptune Mercury Everest Kilimanjaro
Matterhorn Fuji Danube Amazon Nile Thames Baltic Adriatic Pacific Atlantic Maple Oak Birch
Willow Cedar Juniper Lavender Poppy Tulip Orchid Falcon Heron Kingfisher Otter Badger Lynx
Walrus Penguin Compass Sextant Anchor Beacon Studio Forum Arena Salon
""")


def _file(s: Source) -> Value:
    return f"{s.word(w.NOUNS).replace(' ', '_')}.{s.one_of(('pdf', 'docx', 'odt', 'txt', 'pptx', 'xlsx', 'png'))}"


def _guests(s: Source) -> Value:
    names: dict[str, None] = {}
    count = s.rng.randrange(2, 5)
    while len(names) < count:
        names[w.first_name(s.rng, s.held)] = None
    return list(names)


def _needed(s: Source) -> Value:
    count = s.rng.randrange(2, 5)
    words = list(dict.fromkeys(s.word(_INGREDIENTS) for _ in range(count)))
    return join_and(words)


_FOOD: Final[tuple[Concept, ...]] = (
    Concept(
        "find_recipe recipe_search recipes_with findRecipe suggest_recipe search_recipes cook_with recipesByIngredients what_to_cook",
        ("Find a recipe that uses some ingredients.", "Suggest what to cook from a list of ingredients", "Search recipes by ingredients.", "Recipe ideas for what is in the fridge."),
        (Param("ingredients items foods products contains have", "array", _several(_INGREDIENTS, 2, 5), ("Ingredients to use", "What is in the fridge", "List of ingredients")),),
        ("What can I cook with {0}?", "Find a recipe with {0}.", "recipe {0}", "I have {0}, what can I make?", "There's only {0} left in the fridge. Ideas?", "Something for dinner that uses {0}?", "Suggest a dish made from {0}.", "My fridge holds {0}. What's for dinner?", "Which recipes need {0}?", "I must use up {0} before it goes bad, how?",
         "Got {0} at the market, give me a recipe.", "Cook something out of {0}.", "{0}: what dish?", "I'd like a recipe for {0} all in one pot.", "Any dish that combines {0}?", "What would you do with {0} in the kitchen?", "Recipe idea wanted, I've got {0}.", "Look for recipes containing {0}.", "The kids like {0}, find me a meal with all of it.",
         "From {0}, what could one cook?", "recipes using {0}", "What goes well together from {0}? I need a recipe.", "We bought too much: {0}. A recipe, please.", "Dinner tonight should include {0}, find something.", "Help, guests in an hour and just {0} at home, what do I cook?", "Turn {0} into a meal."),
        simple("recipe", lambda s: s.word(_DISHES), "{v}", "You could cook {v}."),
    ),
    Concept(
        "get_ingredients ingredients recipe_ingredients getIngredients ingredients_of what_goes_in list_ingredients dishIngredients recipe_contents",
        ("Ingredients of a dish.", "What goes into a dish", "List what a recipe needs.", "Get the ingredients to cook something, for some people if given."),
        (string_param("dish recipe meal food name title", words_of(_DISHES), "The dish", "Name of the dish"),
         integer_param("people servings portions persons for_people", 2, 25, "How many people", "Number of servings")),
        ("What goes into {0}?", "Ingredients for {0}?", "What do I need to make {0}[ for {1} people|]?", "ingredients {0}", "I'm cooking {0} for {1}, what do I need?", "List everything that {0} needs[ for {1} people|].", "What's {0} made with?", "Which ingredients does {0} have?", "I want to make {0}. What should be in the house?",
         "Tell me what to put in {0}.", "For {0}, what are the ingredients?", "{1} people are coming for {0}, what has to go in?", "My grandmother never told me what's in her {0}.", "Does {0} have eggs in it? Give me the ingredients.", "{0} for {1}: ingredients", "Look up what {0} is made of.", "What do people put into {0}?",
         "What am I missing for {0}? Read me the list of ingredients.", "The components of {0}, please.", "Before I go shopping, what belongs in {0}?", "Show the ingredient list of {0}[, {1} servings|].", "I'd like to know what makes up {0}.", "How is {0} composed? I mean the ingredients.", "what do i need for {0}", "Ingredient list, {0}[, {1} portions|]", "Is there garlic in {0}? What's in there?"),
        simple("ingredients", _needed, "{v}", "For {0} you need {v}."),
        required=1,
    ),
    Concept(
        "get_calories calories calorie_count getCalories kcal food_energy count_calories caloriesIn energy_of_food",
        ("Calories of a food.", "How many kcal some grams of a food have", "Look up the calories in something to eat.", "Calorie counter: food and grams."),
        (string_param("food item product name what meal", lambda s: s.word(_INGREDIENTS if s.chance(0.5) else _DISHES), "The food", "What is eaten"),
         integer_param("grams amount weight g portion quantity", 10, 900, "Grams", "Weight of the portion")),
        ("How many calories are in {1} g of {0}?", "calories {1} g {0}", "I ate {1} grams of {0}, how many calories is that?", "How fattening are {1} grams of {0}?", "kcal in {1} g {0}", "Calories for {0}, {1} grams?", "If I have {1} g of {0}, what does it come to in kcal?", "Count the calories of {1} grams of {0}.", "{0}, {1} g: how many kcal?",
         "I'm on a diet. {1} grams of {0}, how bad is it in calories?", "Tell me the calories of a {1} g portion of {0}.", "How much energy do {1} grams of {0} give?", "My plate has {1} g of {0} on it, calories please.", "Would {1} g of {0} blow my calorie limit? How many are there?", "Look up the kcal for {0} ({1} g).", "Calorie check: {1} grams {0}",
         "What's the calorie count of {1} g {0}?", "For {1} grams of {0} I need the calories.", "Lunch was {1} g of {0}, give me the kcal.", "How many kilocalories does {0} have if it weighs {1} grams?", "A helping of {0} is {1} grams; the calories?", "Is {1} g of {0} a lot of calories?", "how many kcal has {1} g of {0}", "Work out calories: {0}, {1} grams.",
         "Before I eat {1} grams of {0}, what are the calories?", "Find the calories in {1} grams of {0}."),
        simple("kcal", lambda s: s.rng.randrange(5, 3000), "{v} kcal", "{1} g of {0} have {v} kcal."),
    ),
    Concept(
        "get_nutrient nutrient nutrition_fact getNutrient nutrient_content nutrition_lookup food_facts nutrientIn how_much_nutrient",
        ("How much of a nutrient a food has.", "Get a nutrition fact of a food", "Look up vitamins, minerals or protein in a food.", "Content of a nutrient per 100 g."),
        (string_param("food item product name source what", words_of(_INGREDIENTS), "The food", "Which food"),
         string_param("nutrient substance component vitamin_or_mineral fact key", words_of(_NUTRIENTS), "The nutrient", "What to look for")),
        ("How much {1} is in {0}?", "{1} in {0}", "Does one find {1} in {0}?", "Would you call {0} a good source of {1}?", "What's the {1} content of {0}?", "I need more {1}, how much would {0} give me?", "Is there any {1} in {0}?", "{0}: how much {1}?", "The doctor wants me to watch my {1}, what about {0}?", "Look up {1} for {0}.",
         "Amount of {1} per 100 g of {0}", "Nutrition facts of {0}, just the {1}.", "Tell me the {1} value of {0}.", "Can I eat {0} when I avoid {1}? How much is in there?", "Would {0} help with a lack of {1}?", "Check {0} for {1}.", "nutrition {0} {1}", "I eat {0} for the {1}; how much do I get?", "Give me the figure for {1} in {0}.", "They say there's plenty of {1} in {0}, how much is it?",
         "If I eat {0}, how much {1} do I get?", "Which amount of {1} comes with {0}?", "I'm counting {1}. What's in {0}?", "Find the {1} level of {0}.", "What's there in {0} in the way of {1}?", "With {0}, what do I take in of {1}?"),
        simple("mg", lambda s: w.decimal(s.rng), "{v} mg per 100 g", "The {1} in {0} is {v} mg per 100 g."),
    ),
    Concept(
        "add_to_shopping_list shopping_list add_groceries addToShoppingList grocery_list note_groceries addGroceries put_on_list shopping_add",
        ("Add things to the shopping list.", "Put groceries on the list", "Write items on the grocery list.", "Shopping list: add some items."),
        (Param("items groceries things products list entries", "array", _several(_INGREDIENTS, 2, 6), ("What to add", "The items", "Things to buy")),),
        ("Add {0} to the shopping list.", "Put {0} on my shopping list.", "shopping list: {0}", "We're out of {0}, write it on the shopping list.", "The grocery list should have {0} too.", "Next time I'm at the supermarket I need {0}, note it on the list.", "On the shopping list: {0}", "Note {0} for the weekly shop.", "{0} to the grocery list", "Write down {0} for shopping.",
         "Don't let me forget {0} at the supermarket.", "Could you put {0} down on the list for the shops?", "I used up {0}. Shopping list!", "List for the grocer: add {0}.", "Somebody finished {0}, so they go on the shopping list.", "Extend the shopping list by {0}.", "For Saturday's shopping: {0}", "groceries {0}", "My list for the market also needs {0}.",
         "There's no more {0} in the pantry, list them for shopping.", "I want {0} on the grocery list.", "Jot down {0}, I go shopping later.", "Also {0} for the shopping list.", "Our shopping list is missing {0}.", "Remember {0} when we do the groceries, put them on the list.", "Make sure {0} are on the shopping list."),
        simple("entries", lambda s: s.rng.randrange(6, 60), "The list has {v} entries", "I added {0}; the list has {v} entries."),
    ),
    Concept(
        "get_substitute substitute replace_ingredient getSubstitute alternative_for ingredient_swap find_substitute swapIngredient instead_of",
        ("Substitute for an ingredient.", "What to use instead of an ingredient", "Find a replacement in a recipe.", "Ingredient alternatives."),
        (string_param("ingredient item food name missing what", words_of(_INGREDIENTS), "The ingredient", "What is to be replaced"),),
        ("What can I use instead of {0}?", "Substitute for {0}?", "I've run out of {0}, what works in its place?", "replace {0}", "The recipe says {0} but I don't have any. What else?", "What's an alternative to {0}?", "instead of {0}", "My guest is allergic to {0}, what do I take?", "Can {0} be replaced by something?", "Swap {0} for what?",
         "I hate {0}, with what could I cook instead?", "Is there a stand-in for {0} in a recipe?", "The shop had no {0}; a replacement?", "How do I bake without {0}, what do I put in?", "Give me something that does the job of {0}.", "What else tastes like {0}?", "Leave out {0} and use what?", "Find me a substitute for {0}.", "Which ingredient can take the place of {0}?",
         "alternative {0}", "I'd rather not use {0}. Suggestions for a swap?", "If there's no {0} in the house, what do you use?", "Need a swap for {0} in this sauce.", "What might replace {0} here?", "Tell me a good replacement for {0}.", "Could I do this dish with something other than {0}?"),
        simple("substitute", lambda s: s.word(_INGREDIENTS), "{v}", "Instead of {0} you can use {v}."),
    ),
    Concept(
        "cooking_time boil_time get_cooking_time cookingTime how_long_to_cook cook_duration getCookTime boiling_time cook_minutes",
        ("How long a food has to cook.", "Get the cooking time of an ingredient", "Minutes to cook something.", "Look up how long to boil or fry a food."),
        (string_param("food ingredient item name what dish", words_of(_INGREDIENTS), "The food", "What is cooked"),),
        ("How long do I cook {0}?", "cooking time {0}", "How many minutes should I give {0} in the pot?", "How long should {0} boil?", "I've just put {0} on, when can I take the lid off?", "{0}: how long in the pan?", "The water's boiling, in with {0}, for how long?", "For how many minutes do I fry {0}?", "How long until I can stop cooking {0}?", "Tell me the cooking time of {0}.", "How long must {0} be on the stove?",
         "I always overcook {0}. What's the right time?", "Time to cook {0}?", "How many minutes for {0}?", "What's the boiling time for {0}?", "Must I cook {0} for long? How long?", "I'm steaming {0}, how many minutes?", "At what point do I take {0} off the heat, in minutes?", "Look up how long to simmer {0}.", "boil {0} how long", "Minutes for {0} in hot water?",
         "How quickly can I cook {0} through?", "I never know how long to keep {0} in the pot.", "Give me the cooking minutes for {0}.", "How long would you leave {0} in the pot?", "Is ten minutes too short for cooking {0}? Tell me the time."),
        simple("minutes", lambda s: s.rng.randrange(2, 150), "{v} minutes", "Cook {0} for {v} minutes."),
    ),
    Concept(
        "wine_pairing pair_wine suggest_wine winePairing which_wine wine_for getWine recommend_wine sommelier",
        ("Wine that goes with a dish.", "Suggest a wine for a meal", "Recommend a wine pairing.", "Which wine to serve with some food."),
        (string_param("dish food meal course with name", words_of(_DISHES), "The dish", "What is served"),),
        ("Which wine goes with {0}?", "wine for {0}", "What do we drink with {0}? A wine, I mean.", "Recommend a wine to go with {0}.", "I'm serving {0}, red or white?", "What bottle should I open for {0}?", "Wine pairing for {0}?", "{0} and wine, which one?", "Is there a wine that suits {0}?", "My boss comes for {0}, what wine do I pour?",
         "Pick a wine for {0}.", "Suggest something from the wine cellar for {0}.", "Does white wine fit {0}, or what would?", "With {0} on the table, what wine?", "We're having {0}, help me choose the wine.", "A glass of what goes well with {0}?", "Ask the sommelier about {0}.", "Which grape matches {0}?", "pair {0} with a wine", "I need a bottle of wine that won't spoil the {0}.",
         "Find the right wine for {0}.", "Tell me the best wine to have with {0}.", "Dinner is {0}. Wine?", "To accompany {0}, which wine would you take?", "What wine would a Frenchman drink with {0}?", "Would you know a wine for {0}?"),
        simple("wine", lambda s: f"{s.one_of(('dry', 'young', 'old', 'light', 'fruity', 'sweet'))} {s.one_of(('Riesling', 'Merlot', 'Malbec', 'Rioja', 'Chardonnay', 'Pinot Noir', 'Chianti', 'Syrah', 'Verdejo', 'Grenache'))}", "{v}", "With {0} I would serve a {v}."),
    ),
    Concept(
        "get_menu menu restaurant_menu getMenu todays_menu show_menu lunch_menu dishOfTheDay daily_special what_do_they_serve",
        ("Menu of a restaurant.", "What a restaurant serves today", "Get the dish of the day.", "Look up a restaurant's menu."),
        (string_param("restaurant name place where venue bistro", _COINED, "The restaurant", "Name of the restaurant"),),
        ("What's on the menu at {0}?", "menu {0}", "What does {0} serve today?", "Show me the menu of {0}.", "What's the dish of the day at {0}?", "We're eating at {0}, what have they got?", "Is there anything good to eat at {0} today?", "Today's special at {0}?", "What could I order at {0}?", "{0} lunch menu", "Let me see what {0} is cooking.", "What's for lunch at {0}?",
         "Can you pull up the menu for {0}?", "I'd like to know what {0} offers before I go there.", "Which dishes are there at {0}?", "Does {0} have anything with fish? Check their menu.", "Read me the menu of the restaurant {0}.", "Look at {0}'s menu.", "What food do they do at {0}?", "Daily special, {0}", "What's the chef making at {0} today?", "Tell me what's on offer at {0} for dinner.",
         "The menu at {0}, please.", "I'm hungry and standing in front of {0}. What do they serve?", "What's cooking at {0}?", "If we go to {0}, what can we eat?"),
        simple("dish", lambda s: s.word(_DISHES), "Today: {v}", "Today {0} serves {v}."),
    ),
    Concept(
        "find_restaurant restaurants restaurant_search findRestaurants where_to_eat search_restaurants nearby_restaurants suggestRestaurant eat_out",
        ("Find a restaurant with a cuisine in a city.", "Search restaurants", "Where to eat some kind of food.", "Suggest a restaurant by cuisine and place."),
        (string_param("cuisine kind type food style category", words_of(_CUISINES), "Kind of food", "The cuisine"),
         string_param("city place location town near where", text_of(w.place), "The city", "Where to look")),
        ("Find a {0} restaurant in {1}.", "Where can I eat {0} food in {1}?", "{0} restaurant {1}", "I'm craving {0} food and I'm in {1}.", "Any good {0} places in {1}?", "Is there a {0} restaurant in {1}?", "We're in {1} tonight and would like {0} cuisine.", "Recommend somewhere {0} to eat in {1}.", "Where do they cook {0} in {1}?", "Best {0} kitchen in {1}?", "restaurants {1} {0}",
         "Show me {0} restaurants around {1}.", "A {0} dinner in {1}, where?", "Look for {0} eateries in {1}.", "My friends only eat {0}, where do we go in {1}?", "In {1}, who does {0} food?", "I fancy {0} today. Suggest a restaurant in {1}.", "Name a {0} restaurant near {1}.", "Could you find us {0} food in {1}?", "Taking a client out in {1}, make it a {0} restaurant.",
         "Where's a decent {0} lunch to be had in {1}?", "Hungry in {1}: {0} please, which restaurant?", "{1}, {0} cuisine: which place?", "Search {1} for a {0} restaurant.", "I've never had {0} food, does {1} have a place?", "Tell me a spot for {0} food in {1}."),
        simple("restaurant", lambda s: w.invented_name(s.rng), "{v}", "In {1} you can eat {0} food at {v}."),
    ),
)

_OFFICE: Final[tuple[Concept, ...]] = (
    Concept(
        "create_ticket open_ticket new_ticket createTicket report_issue submit_ticket file_ticket raiseTicket report_problem log_issue support_ticket",
        ("Create a support ticket.", "Open a ticket for a problem", "Report an issue to the help desk.", "File a ticket with a title."),
        (string_param("title subject problem issue summary description", words_of(_TROUBLES), "What is wrong", "Title of the ticket"),),
        ("Create a ticket: {0}", "Open a ticket titled {0}.", "new ticket {0}", 'File a ticket "{0}".', "Report to the help desk: {0}", 'The help desk should know this: "{0}".', "Raise an issue saying {0}.", "Problem report: {0}", "Tell support: {0}", 'I want to complain, "{0}", open a ticket.', "Somebody has to fix this. Ticket: {0}", "Get the help desk on it, title {0}.",
         "ticket: {0}", 'Make a support ticket with the title "{0}".', "Log this as an issue: {0}", "It's the third time this week! New ticket, {0}.", "Please write a ticket that says {0}.", "Submit a support request: {0}", 'Put "{0}" into the ticket system.', "I need help from support, subject {0}.", "Add a new issue, {0}.", "Hand this to support: {0}",
         "Can we get a ticket for this: {0}?", "Trouble again: {0}. Open a ticket.", "Start a ticket called {0}.", 'Support has to hear about it. Title "{0}".'),
        simple("ticket", lambda s: w.identifier(s.rng), "Created {v}", "The ticket is open; its number is {v}."),
    ),
    Concept(
        "close_ticket resolve_ticket closeTicket mark_resolved ticket_done finish_ticket resolveIssue close_issue set_resolved",
        ("Close a ticket.", "Mark a ticket as resolved", "Resolve an issue by its number.", "End a support ticket."),
        (string_param("ticket ticket_id id number issue issue_id", text_of(lambda r, h: w.identifier(r)), "The ticket", "Ticket number"),),
        ("Close ticket {0}.", "Ticket {0} is solved, close it.", "close {0}", "Mark ticket {0} as resolved.", "The problem in {0} went away, so the ticket can be closed.", "{0} is fixed.", "Resolve {0}.", "We're done with ticket {0}.", "Nobody answers on {0} any more, shut the ticket.", "Set {0} to resolved.", "Please finish off ticket {0}.", "Issue {0} is history, close it.", "The customer is happy, {0} may be closed.",
         "No need to keep ticket {0} open.", "Why is {0} still open? Close that ticket.", "Get ticket {0} off the board.", "Can ticket {0} be closed? Then do.", "resolved: {0}", "End ticket {0}.", "I repaired it, so close issue {0}.", "Ticket {0}, status: solved.", "Strike ticket {0} off as solved.", "Closing time for ticket {0}.", "Consider ticket {0} dealt with.", "ticket {0} done", "{0} can be marked as solved."),
        done("{0} closed", "Ticket {0} is closed."),
    ),
    Concept(
        "assign_task assign assignTask delegate give_task task_owner set_assignee assignTo delegate_task hand_over",
        ("Assign a task to somebody.", "Give a task to a colleague", "Set who does a task.", "Delegate work to a person."),
        (string_param("task job title work item what", words_of(_DUTIES), "The task", "What is to be done"),
         string_param("person assignee to user owner who colleague", text_of(w.person), "Who does it", "The assignee")),
        ("Assign the {0} to {1}.", "{1} should do the {0}.", "assign {0} to {1}", "Give the {0} to {1}.", "Let {1} take care of the {0}.", "The {0} is for {1}.", "Put {1} on the {0}.", "I have no time for the {0}, hand it over to {1}.", "{1} is responsible for the {0} from now on.", "Make {1} the owner of the {0}.", "Delegate the {0} to {1}.", "Who does the {0}? {1} does, note that.",
         "New owner of the {0}: {1}", "Pass the {0} on to {1}.", "Could {1} be assigned the {0}?", "We agreed that {1} handles the {0}.", "Have {1} work on the {0}.", "The {0} still has no owner, take {1}.", "Set the assignee of the {0} to {1}.", "In the task list, {1} gets the {0}.", "The {0} goes to {1}.", "I want {1} to look after the {0}.", "Task {0}, person {1}", "Move the {0} over to {1}, please.",
         "{1} volunteered for the {0}, so assign it.", "Entrust {1} with the {0}."),
        done("{0} assigned", "The {0} is assigned to {1}."),
    ),
    Concept(
        "book_meeting_room reserve_meeting_room meeting_room bookRoom reserveRoom room_booking get_meeting_room book_conference_room conference_room",
        ("Book a meeting room.", "Reserve a conference room on a day at a time", "Meeting room booking.", "Get a room at the office."),
        (string_param("room room_name name meeting_room which", words_of(_ROOM_NAMES), "The room", "Name of the meeting room"),
         string_param("date day on when", _DATE, "The day", "Which day"),
         string_param("time at hour start from", _CLOCK, "Start", "Time of day")),
        ("Book the room {0} on {1} at {2}.", "Reserve meeting room {0} for {1}, {2}.", "room {0} {1} {2}", "I need {0} on {1} from {2}.", "Is the room {0} free on {1} at {2}? Book it.", "We meet in {0} on {1} at {2}, reserve it.", "On {1} at {2} the meeting room {0} is ours, put it in.", "Can I have {0} for a meeting on {1} at {2}?", "Get me the conference room {0}, {1}, {2}.",
         "meeting room: {0}, {1}, {2}", "Block {0} for us on {1}, starting {2}.", "Our usual room is taken. Book {0} for {1} at {2}.", "For {1} at {2}, book {0}.", "Put my name on {0} for {1}, {2}.", "Secure room {0}, {1} at {2}.", "The clients come on {1} at {2} and we need {0} for them.", "Let's take {0}: {1}, {2}. Make the booking.", "Hold {0} for {1} at {2}.",
         "I'd like to use the room {0} on {1} at {2}.", "At {2} on {1}, reserve {0} for the team.", "Would you grab {0} for {1} at {2} before someone else does?", "Room booking {0}, day {1}, time {2}.", "The interview is in {0} on {1} at {2}, book the room.", "Make sure {0} is reserved on {1} at {2}.", "{1}, {2}, room {0}", "Let us have the {0} room on {1} at {2}."),
        simple("booking", lambda s: w.identifier(s.rng), "Reserved, {v}", "{0} is booked on {1} at {2}; the number is {v}."),
    ),
    Concept(
        "schedule_meeting invite_to_meeting create_meeting scheduleMeeting plan_meeting set_up_meeting newMeeting call_meeting send_invites",
        ("Schedule a meeting with some people.", "Invite colleagues to a meeting", "Set up a meeting: topic, people, time.", "Create a meeting and send the invitations."),
        (string_param("topic title subject name about", words_of(_MEETINGS), "The topic", "Title of the meeting"),
         Param("people attendees participants invitees guests with", "array", _guests, ("Who comes", "The people to invite")),
         string_param("time at start when hour", _CLOCK, "The time", "When it starts")),
        ("Schedule a {0} with {1} at {2}.", "Invite {1} to the {0} at {2}.", "Set up a {0} at {2}, people: {1}.", "{0} with {1}, {2}", "I want to sit down with {1} at {2} for a {0}.", "Get {1} together at {2} for the {0}.", "At {2} we have a {0}, invite {1}.", "Plan the {0}. Participants are {1}, start is {2}.", "meeting {0} {2} with {1}", "Call {1} in for a {0} at {2}.",
         "New meeting: {0}, at {2}, with {1}", "Could you arrange a {0} for {1} at {2}?", "Put a {0} in the calendar of {1}, {2}.", "{1} have to be at the {0}, which begins at {2}.", "Please send {1} an invitation for the {0} at {2}.", "The {0} is at {2}. Let {1} have the invites.", "Who comes to the {0}? {1}. When? {2}. Set it up.", "Organise the {0} for {2} and ask {1} to join.",
         "I need {1} in one room at {2}, subject {0}.", "Create a meeting called {0} at {2} for {1}.", "With {1} I'd like to hold the {0} at {2}.", "Let's do the {0} at {2}; invite {1}.", "Make time for a {0} at {2} with {1}.", "Fix the {0} for {2} with {1} attending.", "Have {1} join me for the {0} at {2}.", "Bring {1} to the table at {2} for a {0}."),
        done("Invitations sent", "The {0} is planned at {2} with {1}."),
    ),
    Concept(
        "move_meeting reschedule postpone moveMeeting reschedule_meeting shift_meeting change_meeting_time postponeMeeting delay_meeting",
        ("Move a meeting to another time.", "Reschedule a meeting", "Postpone a meeting.", "Change when a meeting starts."),
        (string_param("meeting title topic name which event", words_of(_MEETINGS), "The meeting", "Which meeting"),
         string_param("time new_time to at start when", _CLOCK, "The new time", "When it is to start")),
        ("Move the {0} to {1}.", "Reschedule the {0} for {1}.", "{0} now at {1}", "The {0} has to start at {1} instead.", "I can't make the {0}, shift it to {1}.", "Postpone the {0} until {1}.", "Push the {0} back to {1}.", "Could the {0} be at {1} rather?", "Change the start of the {0} to {1}.", "We're running late: {0} to {1}.", "Bring the {0} forward to {1}.", "reschedule {0} {1}",
         "Make the {0} begin at {1}, not earlier.", "The time of the {0} doesn't suit anyone, make it {1}.", "Let's have the {0} later, at {1}.", "New time for the {0}: {1}", "The {0} clashes with lunch. Put it at {1} instead.", "Delay the {0}, {1} is better.", "Everyone prefers {1} for the {0}, so change it.", "My train is late, so the {0} can't start before {1}. Move it.",
         "Please update the {0}: it's now at {1}.", "Swap the {0} to the {1} slot.", "Is it possible to shift the {0} to {1}?", "Instead of this morning, hold the {0} at {1}.", "The {0} gets a new start, {1}.", "Drag the {0} over to {1} in the calendar."),
        done("{0} moved to {1}", "The {0} now starts at {1}."),
    ),
    Concept(
        "get_minutes minutes meeting_minutes getMinutes read_minutes what_was_decided find_protocol meetingNotes decisions",
        ("Minutes of a meeting.", "Look up what was decided in a meeting", "Get the protocol of a meeting on a day.", "Read meeting notes."),
        (string_param("meeting title topic name which", words_of(_MEETINGS), "The meeting", "Which meeting"),
         string_param("date day on when", _DATE, "The day", "Day of the meeting")),
        ("What was decided in the {0} on {1}?", "Show me the minutes of the {0} on {1}.", "minutes {0} {1}", "I missed the {0} on {1}, what came out of it?", "Get the notes of the {0} from {1}.", "What did they say at the {0} on {1}?", "Is there a protocol of the {0} of {1}?", "On {1} we had the {0}. What did we agree on?", "Find the {0} minutes, {1}.", "Read me the notes from the {0}, {1}.", "The outcome of the {0} of {1}?",
         "Which decision was made at the {0} on {1}?", "{0}, {1}: what was the result?", "Pull up the protocol of the {0} held on {1}.", "Remind me what the {0} on {1} concluded.", "I was ill during the {0} on {1}; give me the minutes.", "meeting notes {0} {1}", "How did the {0} on {1} end?", "For the record, what does the protocol of the {0} from {1} say?", "Look up the minutes: {0}, {1}",
         "Tell me what we settled in the {0} on {1}.", "Fetch the write-up of the {0} dated {1}.", "I need the minutes for the {0} that took place on {1}.", "Somebody took notes in the {0} on {1}, what's in them?", "What have I missed at the {0} of {1}?", "Summary of the {0} from {1}"),
        simple("decision", lambda s: f"{s.word(_DUTIES)} {s.one_of(('approved', 'rejected', 'postponed', 'started', 'stopped', 'shortened', 'under discussion', 'given to an agency'))}", "Decision: {v}", "The minutes of the {0} say: {v}."),
    ),
    Concept(
        "request_leave leave vacation_request requestLeave apply_leave book_vacation time_off holiday_request submitLeave take_leave request_time_off",
        ("Request leave from work.", "Ask for vacation between two dates", "Submit a leave request.", "Apply for time off."),
        (string_param("start from start_date first_day begin", _DATE, "First day", "Start of the leave"),
         string_param("end to end_date last_day until", _DATE, "Last day", "End of the leave")),
        ("I'd like to take leave from {0} to {1}.", "Request vacation from {0} until {1}.", "leave {0} - {1}", "I want time off between {0} and {1}.", "Put in a leave request: {0} to {1}", "I'm off from {0}, back after {1}. Hand in the request.", "Apply for holiday, first day {0}, last day {1}.", "Can I have leave from {0} to {1}?", "vacation {0} to {1}", "Book my holiday with HR, {0} to {1}.",
         "From {0} through {1} I won't be working, request the days.", "Ask my boss for {0} to {1} off.", "My sister gets married, I need leave {0} until {1}.", "Submit time off starting {0} and ending {1}.", "I have to be away {0} to {1}, file it as leave.", "Leave application, begin {0}, end {1}", "Days off, please: {0} to {1}", "We go to the seaside from {0} to {1}, so enter my leave.",
         "Send HR a leave request for {0} up to {1}.", "Could you apply for leave on my behalf, {0} to {1}?", "The whole of {0} to {1} should be holiday for me.", "My leave starts on {0} and finishes on {1}, request it.", "I'm taking a break from work: {0} until {1}.", "Get me free from {0} till {1}.", "request time off {0} {1}", "Holidays at last! Request {0} to {1}."),
        simple("request", lambda s: w.identifier(s.rng), "Request {v}", "I requested leave from {0} to {1}; the request is {v}."),
    ),
    Concept(
        "leave_balance vacation_days days_left leaveBalance remaining_leave get_vacation_days holidayBalance unused_leave annual_leave",
        ("How many days of leave are left.", "Get the remaining vacation days", "Leave balance of the user.", "Unused holiday this year."),
        (),
        ("How many vacation days do I have left?", "How much leave have I got?", "vacation days left", "Can I still take time off this year? How many days?", "What's my leave balance?", "Do I have any holiday left?", "How many days off remain for me?", "Check my remaining leave.", "Have I used up my holiday?", "Days of leave I can still take?", "Is there any unused leave of mine?", "Tell me how many days of holiday I still have.",
         "my holiday balance", "I'd like to go away, how many free days are there?", "Look up my vacation account.", "How many more days may I stay away from work?", "What's left of my annual leave?", "Before I plan a trip: how many days of leave?", "How's my vacation account?", "remaining leave?", "Number of vacation days still open", "I lost track of my holidays, how many are left?",
         "Would my leave be enough for two weeks? What's left?", "HR owes me some days, how many?", "Show the leave I have left.", "Any days of annual leave remaining?"),
        simple("days", lambda s: s.rng.randrange(0, 45), "{v} days", "You have {v} days of leave left."),
    ),
    Concept(
        "submit_expense expense add_expense submitExpense claim_expense expenses reimburse file_expense logExpense expense_claim",
        ("Submit an expense.", "Claim back money spent for work", "Add an expense to the claim.", "Expense report entry: amount and what for."),
        (number_param("amount sum value cost total euros", "The amount", "How much was paid"),
         string_param("purpose what category description for_what item", words_of(_EXPENSES), "What it was for", "Kind of expense")),
        ("Submit an expense of {0} for {1}.", "I paid {0} for {1}, claim it back.", "expense {0} {1}", "Add {0} for {1} to my expenses.", "{1}: {0}, company pays", "Put {0} on the expense report, it was for {1}.", "I spent {0} on {1} for work.", "File an expense: {1}, {0}", "Get me reimbursed {0} for {1}.", "The {1} cost me {0}, enter it in my expenses.", "Claim {0} ({1}).", "Here's the receipt for {1}, {0} in all. Expense it.",
         "I had to pay {0} for {1} out of my own pocket.", "Business trip: {0} for {1}, please file.", "I want back {0} that I paid for {1}.", "Expense claim, {0}, purpose {1}.", "My expenses need another {0} for {1}.", "Who pays me the {0} for {1}? Submit it.", "Charge {0} for {1} to the firm.", "Log {0} under expenses, category {1}.", "Enter {1} at {0} in the expense sheet.",
         "{0} went on {1}, write an expense claim.", "For {1} I laid out {0}; hand in the expense.", "Could I get {0} back for {1}? File the claim.", "new expense: {1} {0}", "Accounting should refund me {0} for {1}."),
        simple("claim", lambda s: w.identifier(s.rng), "Claim {v}", "I submitted {0} for {1}; the claim is {v}."),
    ),
    Concept(
        "log_hours timesheet book_hours logHours record_hours track_time enter_hours timeSheet add_hours hours_worked",
        ("Log working hours on a project.", "Enter hours in the timesheet", "Record time worked.", "Book hours to a project."),
        (Param("hours time worked amount number", "number", lambda s: s.rng.choice((s.rng.randrange(1, 13), s.rng.randrange(1, 12) + 0.5)), ("Hours", "How long")),
         string_param("project on job client cost_centre name", _COINED, "The project", "Where to book the time")),
        ("Log {0} hours on project {1}.", "I worked {0} hours on {1}.", "{0}h {1}", "Book {0} hours to {1}.", "Timesheet: {0} hours, project {1}", "Put {0} hours for {1} in my timesheet.", "Today I spent {0} hours on the {1} project.", "Enter {0} working hours for {1}.", "The {1} project took me {0} hours today.", "Record that I worked on {1} for {0} hours.", "{1}: {0} hours", "Add {0} hours of work to {1}.",
         "Charge {0} hours to project {1}.", "My hours for {1} are {0}.", "I forgot the timesheet, it was {0} hours for {1}.", "Track {0} hours under {1}.", "Write up {0} hours of mine for {1}.", "log hours {1} {0}", "We put {0} hours into {1}, book them.", "Project {1}, time worked {0} hours.", "For {1} I did {0} hours of work.", "Can you enter {0} hours on {1} for me?", "Bill {0} hours to the client {1}.",
         "Half the day went into {1}, {0} hours to be exact.", "Save my working time: {1}, {0} hours", "A long day on {1}, note down {0} hours.", "On {1} today, {0} hours.", "My timesheet lacks {0} hours for {1}.", "The time for {1} was {0} hours, book it.", "Add to my timesheet: {1}, {0} hours."),
        done("{0} h booked", "I booked {0} hours on {1}."),
    ),
    Concept(
        "print_document print_file print_copies printDocument send_to_printer printFile print_out hardcopy make_copies",
        ("Print a document.", "Print some copies of a file", "Send a file to the printer.", "Paper copies of a document."),
        (string_param("file document path filename name which", _file, "The file", "Document to print"),
         integer_param("copies count number n amount", 2, 60, "How many copies", "Number of copies")),
        ("Print {1} copies of {0}.", "print {0} {1}x", "Send {0} to the printer, {1} copies.", "I need {0} on paper, {1} times.", "{1} copies of {0}, please.", "Put {0} through the printer {1} times.", "Get {1} printouts of {0}.", "Everyone at the meeting needs {0}, print {1}.", "Could you run off {1} copies of {0}?", "For the workshop, {1} printed copies of {0}.", "Printer: {0}, {1} copies", "Make {1} paper copies of {0}.",
         "Have {0} printed, number of copies {1}.", "Print out {0}. I'd like {1} of it.", "Give me {0} as a hard copy, {1} times.", "The handout is {0}, we need {1} copies.", "print {0}, copies: {1}", "Can the printer do {1} of {0}?", "I'd like {1} copies of the document {0}.", "Start printing {0}, {1} copies in total.", "Let the printer do {0}, {1} times.", "Hard copies of {0}: {1}",
         "{1} prints of {0}", "On paper please: {0}, {1} copies.", "My boss wants {0} printed {1} times.", "Duplicate {0} on the printer, {1} copies."),
        done("Printing", "The printer prints {1} copies of {0}."),
    ),
    Concept(
        "register_visitor visitor announce_visitor registerVisitor add_visitor guest_registration expectVisitor visitor_pass sign_in_guest",
        ("Register a visitor at the reception.", "Announce a guest who comes to the office", "Make a visitor's pass.", "Add a visitor with the day of the visit."),
        (string_param("name visitor guest person who", text_of(w.person), "Who comes", "Name of the visitor"),
         string_param("company firm from organisation employer", text_of(w.company), "The visitor's company", "Where the visitor works"),
         string_param("date day on when visit_date", _DATE, "The day", "Day of the visit")),
        ("Register {0} of {1} as a visitor on {2}.", "{0} from {1} visits us on {2}, tell the reception.", "visitor {0}, {1}, {2}", "We expect {0} ({1}) on {2}.", "Get a visitor's pass for {0} from {1}, {2}.", "On {2}, {0} of {1} is coming to the office. Sign them in.", "Announce a guest: {0}, {1}, {2}", "I have a visitor on {2}, {0} who works for {1}.", "Reception should let in {0} from {1} on {2}.",
         "Put {0} on the visitor list for {2}, company {1}.", "A guest from {1} named {0} arrives on {2}.", "Prepare a badge for {0} of {1} for {2}.", "Please announce at the gate: {0} from {1}, on {2}.", "{1} sends {0} to us on {2}, register that.", "Day {2}, visitor {0}, firm {1}.", "Add {0} from {1} to the visitors of {2}.", "{0} will be our guest on {2} and comes from {1}.", "Someone called {0} from {1} will ring at the desk on {2}; have a pass ready.",
         "guest registration: {0} / {1} / {2}", "Can {0} of {1} get into the building on {2}? Register the visit.", "The front desk doesn't know yet that {0} ({1}) comes on {2}.", "Sign in {0}, who represents {1}, for {2}.", "For {2} we need a visitor pass, name {0}, company {1}.", "I'm meeting {0} of {1} here on {2}, register them as a guest.", "Let security know about {0} from {1} visiting on {2}.", "Make {0} from {1} a visitor for {2}."),
        simple("badge", lambda s: w.identifier(s.rng), "Pass {v}", "{0} is registered for {2}; the pass is {v}."),
    ),
)

LIVING: Final[tuple[Concept, ...]] = _HOME + _TRAVEL + _HEALTH + _FOOD + _OFFICE
"""Told apart from one another and from those in `concepts.py` by any request."""
