#!/usr/bin/env bash
# Makes a database in a folder, and beside it what it holds: tests/data/make_database.sh SHELL OUT. Run once with the program that writes a new version of the
# format, before the next one; what earlier versions made stays in the tree (tests/cli/test_kept_databases.py opens it).
set -euo pipefail
shell=$1
out=$2
here=$(dirname "$0")
mkdir -p "$out/db"
options=(-s wal_segment_bytes=8kb -s checkpoint_interval_ms=0 -s checkpoint_log_bytes=0)
"$shell" "${options[@]}" -d "$out/db" "$here/database_1.sql" >/dev/null
"$shell" "${options[@]}" -d "$out/db" "$here/database_since_2.sql" >/dev/null
"$shell" "${options[@]}" -d "$out/db" "$here/database_since_3.sql" >/dev/null
# without an end: the log has what came after the checkpoint
"$shell" "${options[@]}" -d "$out/db" "$here/database_2.sql" >/dev/null
rm -f "$out"/db/log/spare-*
"$shell" --read-only -d "$out/db" -m csv "$here/database_questions.sql" >"$out/answers.csv"
"$shell" --read-only --changes --timeout 0.2 -d "$out/db" -m csv "$here/questions_since_2.sql" >"$out/answers_since_2.csv"
"$shell" --read-only -d "$out/db" -m csv "$here/questions_since_3.sql" >"$out/answers_since_3.csv"
# format2_unshared was made by the program of format 2, up to here: the streams that share since format 3 do not
"$shell" --read-only -d "$out/db" -m csv "$here/shared_since_3.sql" >"$out/shared_since_3.csv"
