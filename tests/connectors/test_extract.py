from __future__ import annotations

import math
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from connectors.base import BadAnswer, PartialAnswer
from connectors.extract import Extractor, Table, compile_path
from connectors.formats import parse_csv, parse_json, parse_ndjson
from connectors.rows import ReadingConfig, Readings
from connectors.values import moment, moments, number, numbers
from rules.model import DAY, LARGEST, SECOND
from tests.connectors.conformance import NOW

finite = st.floats(-LARGEST, LARGEST)


def extractor(zone: str = "UTC", **keys) -> Extractor:
    return Extractor("src", [ReadingConfig.model_validate({"series": "v", "value": "v", **keys})], zone)


def test_of_an_entry_all_of_it_is_kept():
    keys = {
        "select": "a",
        "time": "t",
        "time_format": "%Y",
        "labels": {"x": "y"},
        "ahead": "2d",
        "retention": {"raw": "9d"},
    }
    written = ReadingConfig.model_validate({"series": "v", "value": "w", **keys})
    (kept,) = TypeAdapter(Readings).validate_python([{"series": "v", "value": "w", **keys}])
    assert {name: getattr(kept, name) for name in ReadingConfig.model_fields} == dict(written)
    assert [kept] == TypeAdapter(Readings).validate_python([{"series": "v", "value": "w", **keys}])


@pytest.mark.parametrize("value", [1e101, -1e308, 10**400, "1e101", "9" * 200])
def test_a_number_whose_square_is_none_is_said(value):
    with pytest.raises(ValueError, match="too large"):
        number(value)


@given(finite)
def test_a_number_stays_itself_however_it_is_written(value):
    for written in (value, repr(value), f"  {value!r}\t", Decimal(repr(value))):
        assert number(written) == value


@given(st.integers(-(10**15), 10**15))
def test_thousands_commas(value):
    assert number(f"{value:,}") == number(value) == float(value)
    assert number(f"{value:,}.50") == float(f"{value}.5")


@given(st.decimals(min_value=-1000, max_value=1000, places=3))
def test_percent_is_a_hundredth(value):
    assert number(f"{value} %") == float(value / 100)


@given(st.text(max_size=60))
def test_any_text_is_a_number_nothing_or_an_error(text):
    with suppress(ValueError):
        value = number(text)
        assert (value is None and text.strip().lower() in {"", "nan"}) or math.isfinite(value or 0.0)


@pytest.mark.parametrize("nothing", [None, "", "  ", "NaN", "nan", math.nan, Decimal("NaN")])
def test_no_value(nothing):
    assert number(nothing) is None


@pytest.mark.parametrize(
    "text",
    ["1,58", "15,82", ",582", "1,5820", "1.582,0", "1_000", "inf", "-Infinity", "1e999", "0x10", "$5", "N/A", "null",
     "1 000", "١٢", "--1", "%", math.inf, -math.inf, 10**400, [], {}, b"1", [1], "abc" * 100],
)  # fmt: skip
def test_what_is_no_number_is_an_error(text):
    with pytest.raises(ValueError, match=r"."):
        number(text)


def test_booleans_count():
    assert (number(True), number(False)) == (1.0, 0.0)


zones = st.sampled_from(["UTC", "Europe/Amsterdam", "America/New_York", "Asia/Kolkata", "Pacific/Apia"])
times = st.datetimes(datetime(1975, 1, 1), datetime(2100, 1, 1))  # noqa: DTZ001


def test_a_leap_second_is_the_second_after_the_one_before():
    assert moment("2016-12-31T23:59:60Z", "UTC") == moment("2017-01-01T00:00:00Z", "UTC")
    assert moment("2017-01-01 00:59:60.5", "Europe/Paris") == moment("2017-01-01T00:00:00.5Z", "UTC")
    for no_time in ("2016-12-31T23:58:60Z", "2016-12-31T23:59:61Z", "2016-12-32T23:59:60Z"):
        with pytest.raises(ValueError, match="is not a time"):
            moment(no_time, "UTC")


@given(times, zones)
def test_a_moment_is_itself_however_it_is_written(at, zone):
    aware = at.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    micros = (aware - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    assert moment(aware.isoformat(), "UTC") == micros
    assert moment(aware, "Asia/Tokyo") == micros
    assert moment(at, zone) == micros
    assert moment(at.isoformat(sep=" "), zone) == micros
    assert moment(at.strftime("%d.%m.%Y %H:%M:%S.%f"), zone, "%d.%m.%Y %H:%M:%S.%f") == micros
    seconds = micros // SECOND
    assert moment(seconds, zone) == moment(str(seconds), zone) == seconds * SECOND
    milliseconds = micros // 1_000
    assert moment(milliseconds, zone) == moment(str(milliseconds), zone) == milliseconds * 1_000


@given(st.dates(date(1971, 1, 2), date(2100, 1, 1)), zones)
def test_a_date_is_its_midnight_in_the_zone(day, zone):
    midnight = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    expected = (midnight - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    assert moment(day.isoformat(), zone) == moment(day, zone) == moment(day.strftime("%Y%m%d"), zone) == expected
    assert moment(day.strftime("%m/%d/%Y"), zone, "%m/%d/%Y") == expected


def test_digits_are_unix_time_even_where_they_look_like_a_date():
    assert moment("1711121212345", "UTC") == 1_711_121_212_345_000
    assert moment(1_711_121_212.5, "UTC") == 1_711_121_212_500_000
    assert moment("1711121212345678", "UTC") == 1_711_121_212_345_678
    assert moment("1711121212345678999", "UTC") == 1_711_121_212_345_679


@pytest.mark.parametrize("text", [None, "", "yesterday", "9/14/2014", "2014-13-01", True, math.nan, 1e30, [], "12:30"])
def test_what_is_no_time_is_an_error(text):
    with pytest.raises(ValueError, match="time"):
        moment(text, "UTC")


odd_times = [
    "", " ", "soon", "1711121212", "1711121212345", "1711121212.5", "-86400", "20260131", "2026-W05-3", "2026-01-31T00",
    "20260131T0000Z", "2016-12-31T23:59:60Z", "1899-12-31T23:59:59Z", "0001-01-01T00:00:00+05:00", "2026-01-31T24:00:00Z",
    " 2026-01-31T00:00:00Z ", "2026-01-31t00:00:00z", "9999-12-31T23:59:59-05:00", "2026-02-30", "nan", "２０２６-01-31",
]  # fmt: skip
offsets = st.sampled_from(["", "Z", "+00:00", "-05:30", "+01:00:30.5"])
stamps = st.builds(
    lambda at, sep, how, offset: at.isoformat(sep, how) + offset,
    st.datetimes(datetime(1899, 12, 1)),  # noqa: DTZ001
    st.sampled_from("T t"),
    st.sampled_from(["minutes", "seconds", "milliseconds", "microseconds"]),
    offsets,
)
alike = st.builds(lambda ats, offset: [f"{at.isoformat()}{offset}" for at in ats], st.lists(times), offsets)
mixed = st.lists(stamps | st.sampled_from(odd_times) | st.text(max_size=9), max_size=4)


def said(make):
    try:
        return make()
    except ValueError as error:
        return str(error)


@given(alike | mixed, zones)
def test_moments_are_what_each_is(texts, zone):
    assert said(lambda: moments(texts, zone)) == said(lambda: [moment(text, zone) for text in texts])


@pytest.mark.parametrize("odd", odd_times)
def test_one_moment_of_another_form_is_what_it_is_alone(odd):
    for texts in ([odd], ["2026-01-31T00:00:00Z", odd]):
        assert said(lambda: moments(texts, "UTC")) == said(lambda: [moment(text, "UTC") for text in texts])  # noqa: B023


odd_numbers = ["", " ", "nan", "NaN", "inf", "1_000", "1,000", "1,00", "5 %", "1e3", "1e999", ".5", "5.", "+5", "-0", "١٢",
               " 7 ", "x", "9" * 16, "1" * 200, "0x10", "1\n"]  # fmt: skip
written = st.builds(repr, st.floats() | st.integers()) | st.text("0123456789.-", max_size=5)


@given(st.lists(written | st.sampled_from(odd_numbers) | st.text(max_size=5), max_size=4) | st.lists(written))
def test_numbers_are_what_each_is(texts):
    assert said(lambda: numbers(texts)) == said(lambda: [number(text) for text in texts])


names = st.sampled_from(["a", "b", "c_1", "data"])
documents = st.recursive(
    st.none() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=15,
)


@given(documents, st.lists(names, min_size=1, max_size=4))
def test_the_direct_walk_means_what_jmespath_means(document, keys):
    import jmespath

    path = ".".join(keys)
    assert compile_path(path).find(document) == jmespath.search(path, document)


def test_names_as_they_stand_in_a_header():
    row = {"Page.Loads": "2,146", "Unique Visits": 1, "First-Time": 2}
    assert compile_path("Page.Loads").find(row) == "2,146"
    assert compile_path("Unique Visits").find(row) == 1
    assert compile_path("First-Time").find(row) == 2


@given(st.lists(st.one_of(finite, st.none(), st.just("x"), st.just("1,000")), min_size=1, max_size=20))
def test_every_good_row_is_read_and_every_bad_one_said(values):
    table = Table([{"v": value} for value in values])
    good = [number(value) for value in values if value != "x"]
    bad = values.count("x")
    if not bad:
        assert [reading.value for reading in extractor().readings(table, NOW)] == good
        return
    with pytest.raises(BadAnswer, match=f"src: v, row {values.index('x') + 1}: 'x' is not a number") as caught:
        extractor().readings(table, NOW)
    if good:
        assert isinstance(caught.value, PartialAnswer)
        assert [reading.value for reading in caught.value.readings] == good
    else:
        assert not isinstance(caught.value, PartialAnswer)


def test_labels():
    made = extractor(labels={"s": "s", "fixed": "'www'"})
    rows = [{"v": 1, "s": value} for value in ("eu", 7, 1.5, True, None, "")]
    shown = [str(reading.series) for reading in made.readings(Table(rows), NOW)]
    assert shown[:4] == [f'v{{fixed="www",s="{text}",source="src"}}' for text in ("eu", "7", "1.5", "true")]
    assert shown[4:] == ['v{fixed="www",source="src"}'] * 2
    with pytest.raises(BadAnswer, match="label 's' is not a single value"):
        made.readings(Table({"v": 1, "s": {}}), NOW)


def test_times_in_rows():
    made = extractor(time="t")
    with pytest.raises(BadAnswer, match="row 1: it has no time"):
        made.readings(Table([{"v": 1}]), NOW)
    (reading,) = made.readings(Table([{"v": 1, "t": (NOW + DAY) // SECOND}]), NOW)
    assert reading.time == NOW + DAY
    with pytest.raises(BadAnswer, match="row 1: its time is in the future"):
        made.readings(Table([{"v": 1, "t": (NOW + DAY) // SECOND + 1}]), NOW)


def test_a_plan_may_lie_ahead():
    made = extractor(time="t", ahead="30d")
    (reading,) = made.readings(Table([{"v": 1, "t": (NOW + 30 * DAY) // SECOND}]), NOW)
    assert reading.time == NOW + 30 * DAY
    with pytest.raises(BadAnswer, match="row 1: its time is in the future"):
        made.readings(Table([{"v": 1, "t": (NOW + 30 * DAY) // SECOND + 1}]), NOW)


def test_no_rows_are_no_readings_but_nothing_selected_is_an_error():
    assert extractor(select="data").readings(Table({"data": []}), NOW) == []
    with pytest.raises(BadAnswer, match="select 'data' finds nothing"):
        extractor(select="data").readings(Table({"date": []}), NOW)


@pytest.mark.parametrize(("values", "said"), [(["a", "b"], "answer (2 of 2 rows can't be read)"), ([1, 2], "answer")])
def test_what_is_not_there_to_select_is_no_row(values, said):
    rules = [ReadingConfig(series="x", select="x", value="v"), ReadingConfig(series="v", select="rows", value="v")]
    with pytest.raises(BadAnswer) as caught:
        Extractor("src", rules, "UTC").readings(Table({"rows": [{"v": value} for value in values]}), NOW)
    assert str(caught.value) == f"source src: x: select 'x' finds nothing in the {said}"


def test_a_function_given_the_wrong_thing_is_an_error_of_the_row():
    with pytest.raises(BadAnswer, match="row 1: "):
        extractor(value="sum(v)").readings(Table([{"v": "text"}]), NOW)


def test_csv_knows_its_columns():
    with pytest.raises(BadAnswer, match="there is no column 'v'; there are: Date, Visits"):
        extractor().readings(parse_csv(b"Date,Visits\n2025-01-01,1\n"), NOW)


def test_csv_quoting_blank_lines_and_ragged_rows():
    table = parse_csv(b'a;"v";c\r\n1;"1,582";"x;""y""\r\nz"\r\n\r\n2;7\r\n3;8;9;;\r\n4;8;9;10\r\n')
    with pytest.raises(PartialAnswer, match="row 4: it has 4 cells where the first row has 3") as caught:
        extractor().readings(table, NOW)
    assert [reading.value for reading in caught.value.readings] == [1582.0, 7.0, 8.0]


def test_ndjson_says_which_line_is_none():
    table = parse_ndjson(b'{"v": 1}\n\n{"v": \n{"v": 3}\r\n')
    with pytest.raises(PartialAnswer, match="row 2: is not JSON") as caught:
        extractor().readings(table, NOW)
    assert [reading.value for reading in caught.value.readings] == [1.0, 3.0]


@given(st.binary(max_size=200))
def test_any_bytes_are_rows_or_an_error(body):
    for parse in (parse_json, parse_csv, parse_ndjson):
        with suppress(ValueError):
            assert isinstance(parse(body), Table)


def test_json_that_is_none_but_is_sent():
    table = parse_json(b'[{"v": NaN}, {"v": Infinity}, {"v": 123456789012345678901234567890}]')
    with pytest.raises(PartialAnswer, match="row 2: infinity") as caught:
        extractor().readings(table, NOW)
    assert [reading.value for reading in caught.value.readings] == [None, 123456789012345678901234567890.0]


def test_json_too_deep_is_an_error():
    with pytest.raises(ValueError, match="is not JSON"):
        parse_json(b"[" * 100_000)
    with pytest.raises(ValueError, match="is not JSON"):
        parse_json(b"[NaN," * 100_000)


def test_what_nests_or_is_long_is_an_error_of_its_row():
    deep = parse_json(
        b'[{"v": ' + b"[" * 1000 + b"]" * 1000 + b', "t": {"a": {}}}, {"v": 1, "r": "' + b"x" * 501 + b'"}]'
    )
    for keys, said in (
        ({"value": "v"}, "row 1: a list is not a number"),
        ({"value": "t.a"}, "row 1: an object is not a number"),
        ({"value": "to_string(v)"}, "row 1: "),
        ({"value": "v", "labels": {"r": "r"}}, "row 1: a list"),
    ):
        with pytest.raises((BadAnswer, PartialAnswer), match=said):
            extractor(**keys).readings(deep, NOW)
    long = parse_json(b'{"v": 1, "r": "' + b"x" * 501 + b'"}')
    with pytest.raises(BadAnswer, match="label 'r' has more than 500 characters"):
        extractor(labels={"r": "r"}).readings(long, NOW)
    with pytest.raises(BadAnswer, match="is not a number"):
        extractor().readings(parse_json(b'{"v": "' + b"9" * 1_001 + b'"}'), NOW)
