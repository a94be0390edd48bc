"""A table of what tools do, with many ways to ask for each."""

from __future__ import annotations

from dataclasses import replace

from training.data import texts
from training.data.catalogue import everyday
from training.data.catalogue.business import BUSINESS
from training.data.catalogue.living import LIVING
from training.data.concepts import Concept, plain

_ASKS = texts.sections("asks")


def _with_more(concept: Concept) -> Concept:
    """``concept`` with the ways to ask that the text file adds."""
    more = _ASKS.get(concept.names.split()[0], ())
    return replace(concept, asks=tuple(dict.fromkeys(concept.asks + more)))


EVERYDAY = tuple(
    replace(_with_more(concept), plain=len(concept.asks))
    for concept in everyday.EVERYDAY
)
CONCEPTS = (
    *EVERYDAY,
    *(
        replace(_with_more(concept), result=plain(concept.result))
        for concept in (*LIVING, *BUSINESS)
    ),
)
ANYTHING = frozenset(("search", "run_command", "query_database"))
"""Concepts that might do what another is asked for."""
_ALIKE = (
    "add calculate",
    "multiply calculate",
    "subtract calculate",
    "divide calculate",
    "calculate run_command query_database",
    "find_flights find_trains driving_time get_distance",
    "send_email send_text create_group",
    "find_contact make_call get_email",
    "get_time time_difference get_sunrise",
    "set_reminder set_alarm start_timer schedule_meeting",
    "order_status flight_gate train_platform close_ticket check_warranty next_bus",
    "order_status book_delivery_slot change_delivery_address server_status",
    "get_balance list_transactions leave_balance",
    "add_to_cart add_to_shopping_list add_to_wishlist log_water",
    "convert_currency exchange_rate_history convert_units",
    "play_music play_podcast create_playlist",
    "read_file read_logs get_minutes",
    "set_thermostat heat_car set_oven",
    "turn_on_light set_plug set_blinds",
    "get_weather get_humidity air_quality",
    "get_weather get_sunrise",
    "get_date public_holidays get_time",
    "define_word get_synonyms translate",
    "get_synonyms get_substitute",
    "cancel_order request_refund",
    "search find_recipe get_headlines find_restaurant",
    "book_table book_hotel book_meeting_room find_restaurant",
    "get_distance get_elevation time_difference",
    "get_price shipping_cost stock_price",
    "check_stock stock_price add_to_cart",
    "set_volume do_not_disturb block_number",
    "get_calories get_nutrient",
    "find_recipe get_ingredients cooking_time",
    "find_restaurant get_menu",
    "set_card_limit block_card",
    "close_ticket dns_lookup",
    "book_doctor vet_appointment",
)
ALIKE = frozenset(
    frozenset((a, b)) for names in _ALIKE for a in names.split() for b in names.split()
)
"""Concepts, by their first names, of which one request could mean either: never at hand
together, nor is one asked for where only the other is."""

_NEAR = (
    "add subtract multiply divide",
    "get_weather get_time get_population capital_of get_distance",
    "convert_currency get_price stock_price check_stock",
    "set_thermostat turn_on_light set_reminder play_music",
    "get_email find_contact send_email book_table",
    "order_status check_stock add_to_cart get_balance",
    "get_date list_files read_file roll_dice",
    "start_timer get_time set_reminder",
    "get_calories get_ingredients cooking_time",
    "get_steps set_step_goal log_weight",
)
NEAR = {
    name: tuple(
        concept
        for concept in CONCEPTS
        for names in _NEAR
        if name in names.split()
        and concept.names.split()[0] in names.split()
        and concept.names.split()[0] != name
    )
    for name in dict.fromkeys(" ".join(_NEAR).split())
}
"""Concepts, by their first names, and others that people offer beside them: what is asked
for shows which is meant, and a model that has seldom seen both takes either."""
