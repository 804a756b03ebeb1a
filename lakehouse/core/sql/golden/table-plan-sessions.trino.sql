WITH "read" AS (
  SELECT date_diff('millisecond', TIMESTAMP '1970-01-01 00:00:00.000 UTC', "rows"."time") AS "ms", "rows"."merchant" AS "row.merchant", "rows"."visitor" AS "row.visitor", "rows"."time" AS "row.time"
  FROM hits(_gen time bot merchant visitor) AS "rows"
  WHERE ("rows"."_gen" = BIGINT '3') AND ("rows"."time" >= TIMESTAMP '2026-03-28 20:00:00.000 UTC') AND ("rows"."time" < TIMESTAMP '2026-03-31 02:00:00.000 UTC') AND ("rows"."bot" = FALSE)
),
"lines" AS (
  SELECT "ms" AS "ms", "row.merchant" AS "row.merchant", "row.visitor" AS "row.visitor", "row.time" AS "row.time", (("ms") - (("ms") % 7200000 + 7200000) % 7200000) / 7200000 AS "cell", row_number() OVER (PARTITION BY "row.merchant", "row.visitor" ORDER BY "ms") AS "place"
  FROM "read" AS "read"
),
"followed" AS (
  SELECT "ms" AS "ms", "row.merchant" AS "row.merchant", "row.visitor" AS "row.visitor", "row.time" AS "row.time", "cell" AS "cell", "place" AS "place", lag("ms") OVER (PARTITION BY "row.merchant", "row.visitor" ORDER BY "place") AS "before"
  FROM "lines" AS "lines"
),
"paused" AS (
  SELECT "ms" AS "ms", "row.merchant" AS "row.merchant", "row.visitor" AS "row.visitor", "row.time" AS "row.time", "cell" AS "cell", "place" AS "place", CASE WHEN "before" IS NULL THEN "ms" WHEN ("ms" - "before") >= BIGINT '1800000' THEN "ms" END AS "pause"
  FROM "followed" AS "followed"
),
"celled" AS (
  SELECT "ms" AS "ms", "row.merchant" AS "row.merchant", "row.visitor" AS "row.visitor", "row.time" AS "row.time", "cell" AS "cell", "place" AS "place", "pause" AS "pause", lag("cell") OVER (PARTITION BY "row.merchant", "row.visitor" ORDER BY "place") AS "cell_before", max("pause") OVER (PARTITION BY "row.merchant", "row.visitor", "cell") AS "pause_in_cell"
  FROM "paused" AS "paused"
),
"after_cells" AS (
  SELECT "ms" AS "ms", "row.merchant" AS "row.merchant", "row.visitor" AS "row.visitor", "row.time" AS "row.time", "cell" AS "cell", "place" AS "place", "pause" AS "pause", "cell_before" AS "cell_before", lag("pause_in_cell") OVER (PARTITION BY "row.merchant", "row.visitor" ORDER BY "place") AS "pause_in_cell_before"
  FROM "celled" AS "celled"
),
"broken" AS (
  SELECT "ms" AS "ms", "row.merchant" AS "row.merchant", "row.visitor" AS "row.visitor", "row.time" AS "row.time", "cell" AS "cell", "place" AS "place", "pause" AS "pause", CASE WHEN "pause" IS NOT NULL THEN "pause" WHEN ("cell_before" < "cell") AND ("pause_in_cell_before" IS NULL) THEN "ms" END AS "break"
  FROM "after_cells" AS "after_cells"
),
"anchored" AS (
  SELECT "ms" AS "ms", "row.merchant" AS "row.merchant", "row.visitor" AS "row.visitor", "row.time" AS "row.time", "cell" AS "cell", max("pause") OVER (PARTITION BY "row.merchant", "row.visitor" ORDER BY "place" ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS "begun", max("break") OVER (PARTITION BY "row.merchant", "row.visitor" ORDER BY "place" ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS "anchor"
  FROM "broken" AS "broken"
),
"sliced" AS (
  SELECT "ms" AS "ms", "row.merchant" AS "row.merchant", "row.visitor" AS "row.visitor", "row.time" AS "row.time", "cell" AS "cell", "begun" AS "begun", "anchor" AS "anchor", (("ms" - "anchor") - (("ms" - "anchor") % 7200000 + 7200000) % 7200000) / 7200000 AS "slice"
  FROM "anchored" AS "anchored"
),
"cut" AS (
  SELECT "ms" AS "ms", "row.merchant" AS "row.merchant", "row.visitor" AS "row.visitor", "row.time" AS "row.time", min("ms") OVER (PARTITION BY "row.merchant", "row.visitor", "anchor", "slice") AS "window_start", max("ms") OVER (PARTITION BY "row.merchant", "row.visitor", "anchor", "slice") + BIGINT '1800000' AS "reach", CASE WHEN ("slice" = BIGINT '0') AND ("anchor" = "begun") THEN "anchor" + BIGINT '7200000' ELSE ("cell" + BIGINT '1') * BIGINT '7200000' END AS "limit"
  FROM "sliced" AS "sliced"
),
"placed" AS (
  SELECT "ms" AS "ms", "row.merchant" AS "row.merchant", "row.visitor" AS "row.visitor", "row.time" AS "row.time", "window_start" AS "window_start", CASE WHEN "reach" < "limit" THEN "reach" ELSE "limit" END AS "window_end"
  FROM "cut" AS "cut"
),
"windowed" AS (
  SELECT "ms" AS "ms", "row.merchant" AS "row.merchant", "row.visitor" AS "row.visitor", "row.time" AS "row.time", "window_start" AS "window_start", "window_end" AS "window_end"
  FROM "placed" AS "placed"
  WHERE ("window_start" >= BIGINT '1774742400000') AND ("window_start" < BIGINT '1774915200000')
),
"grouped" AS (
  SELECT "row.merchant" AS "row.merchant", "row.visitor" AS "row.visitor", "window_start" AS "window_start", "window_end" AS "window_end", count(*) AS "result of hits", min("row.time") AS "result of start", max("row.time") AS "result of end"
  FROM "windowed" AS "windowed"
  GROUP BY "row.merchant", "row.visitor", "window_start", "window_end"
)
SELECT CAST(CASE WHEN "row.merchant" IS NOT NULL THEN json_format(CAST(ARRAY["row.merchant"] AS json)) END AS varchar) AS "merchant", CAST(CASE WHEN "row.visitor" IS NOT NULL THEN json_format(CAST(ARRAY["row.visitor"] AS json)) END AS varchar) AS "visitor", CAST(CAST("result of hits" AS varchar) AS varchar) AS "hits", CAST(CAST(date_diff('millisecond', TIMESTAMP '1970-01-01 00:00:00.000 UTC', "result of start") AS varchar) AS varchar) AS "start", CAST(CAST(date_diff('millisecond', TIMESTAMP '1970-01-01 00:00:00.000 UTC', "result of end") AS varchar) AS varchar) AS "end", CAST(CAST(date_diff('millisecond', TIMESTAMP '1970-01-01 00:00:00.000 UTC', CAST(from_unixtime_nanos(CAST("window_start" AS decimal(38,0)) * 1000000) AS timestamp(3) with time zone)) AS varchar) AS varchar) AS "from", CAST(CAST(date_diff('millisecond', TIMESTAMP '1970-01-01 00:00:00.000 UTC', CAST(from_unixtime_nanos(CAST("window_end" AS decimal(38,0)) * 1000000) AS timestamp(3) with time zone)) AS varchar) AS varchar) AS "to", CAST(CAST(date_diff('millisecond', TIMESTAMP '1970-01-01 00:00:00.000 UTC', "result of end") - date_diff('millisecond', TIMESTAMP '1970-01-01 00:00:00.000 UTC', "result of start") AS varchar) AS varchar) AS "duration_ms", CAST(CAST(coalesce("result of hits" = BIGINT '1', FALSE) AS varchar) AS varchar) AS "bounce"
FROM "grouped" AS "grouped"