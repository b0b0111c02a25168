select value, time, source, key, offset, timestamp, partition, window, date from events limit 5
