WITH "read" AS (
  SELECT epoch_ms("rows"."time") AS "ms", "rows"."merchant" AS "row.merchant", "rows"."visitor" AS "row.visitor", "rows"."time" AS "row.time"
  FROM hits(_gen time bot merchant visitor) AS "rows"
  WHERE ("rows"."_gen" = CAST('3' AS BIGINT)) AND ("rows"."time" >= TIMESTAMPTZ '2026-03-28 20:00:00.000+00') AND ("rows"."time" < TIMESTAMPTZ '2026-03-31 02:00:00.000+00') AND ("rows"."bot" = FALSE)
),
"lines" AS (
  SELECT "ms" AS "ms", "row.merchant" AS "row.merchant", "row.visitor" AS "row.visitor", "row.time" AS "row.time", (("ms") - (("ms") % 7200000 + 7200000) % 7200000) // 7200000 AS "cell", row_number() OVER (PARTITION BY "row.merchant", "row.visitor" ORDER BY "ms") AS "place"
  FROM "read" AS "read"
),
"followed" AS (
  SELECT "ms" AS "ms", "row.merchant" AS "row.merchant", "row.visitor" AS "row.visitor", "row.time" AS "row.time", "cell" AS "cell", "place" AS "place", lag("ms") OVER (PARTITION BY "row.merchant", "row.visitor" ORDER BY "place") AS "before"
  FROM "lines" AS "lines"
),
"paused" AS (
  SELECT "ms" AS "ms", "row.merchant" AS "row.merchant", "row.visitor" AS "row.visitor", "row.time" AS "row.time", "cell" AS "cell", "place" AS "place", CASE WHEN "before" IS NULL THEN "ms" WHEN ("ms" - "before") >= CAST('1800000' AS BIGINT) THEN "ms" END AS "pause"
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
  SELECT "ms" AS "ms", "row.merchant" AS "row.merchant", "row.visitor" AS "row.visitor", "row.time" AS "row.time", "cell" AS "cell", "begun" AS "begun", "anchor" AS "anchor", (("ms" - "anchor") - (("ms" - "anchor") % 7200000 + 7200000) % 7200000) // 7200000 AS "slice"
  FROM "anchored" AS "anchored"
),
"cut" AS (
  SELECT "ms" AS "ms", "row.merchant" AS "row.merchant", "row.visitor" AS "row.visitor", "row.time" AS "row.time", min("ms") OVER (PARTITION BY "row.merchant", "row.visitor", "anchor", "slice") AS "window_start", max("ms") OVER (PARTITION BY "row.merchant", "row.visitor", "anchor", "slice") + CAST('1800000' AS BIGINT) AS "reach", CASE WHEN ("slice" = CAST('0' AS BIGINT)) AND ("anchor" = "begun") THEN "anchor" + CAST('7200000' AS BIGINT) ELSE ("cell" + CAST('1' AS BIGINT)) * CAST('7200000' AS BIGINT) END AS "limit"
  FROM "sliced" AS "sliced"
),
"placed" AS (
  SELECT "ms" AS "ms", "row.merchant" AS "row.merchant", "row.visitor" AS "row.visitor", "row.time" AS "row.time", "window_start" AS "window_start", CASE WHEN "reach" < "limit" THEN "reach" ELSE "limit" END AS "window_end"
  FROM "cut" AS "cut"
),
"windowed" AS (
  SELECT "ms" AS "ms", "row.merchant" AS "row.merchant", "row.visitor" AS "row.visitor", "row.time" AS "row.time", "window_start" AS "window_start", "window_end" AS "window_end"
  FROM "placed" AS "placed"
  WHERE ("window_start" >= CAST('1774742400000' AS BIGINT)) AND ("window_start" < CAST('1774915200000' AS BIGINT))
),
"grouped" AS (
  SELECT "row.merchant" AS "row.merchant", "row.visitor" AS "row.visitor", "window_start" AS "window_start", "window_end" AS "window_end", count(*) AS "result of hits", min("row.time") AS "result of start", max("row.time") AS "result of end"
  FROM "windowed" AS "windowed"
  GROUP BY "row.merchant", "row.visitor", "window_start", "window_end"
)
SELECT CASE WHEN "row.merchant" IS NOT NULL THEN CAST(to_json(["row.merchant"]) AS VARCHAR) END AS "merchant", CASE WHEN "row.visitor" IS NOT NULL THEN CAST(to_json(["row.visitor"]) AS VARCHAR) END AS "visitor", CAST("result of hits" AS VARCHAR) AS "hits", CAST(epoch_ms("result of start") AS VARCHAR) AS "start", CAST(epoch_ms("result of end") AS VARCHAR) AS "end", CAST(epoch_ms(make_timestamptz(("window_start") * 1000)) AS VARCHAR) AS "from", CAST(epoch_ms(make_timestamptz(("window_end") * 1000)) AS VARCHAR) AS "to", CAST(epoch_ms("result of end") - epoch_ms("result of start") AS VARCHAR) AS "duration_ms", CAST(coalesce("result of hits" = CAST('1' AS BIGINT), FALSE) AS VARCHAR) AS "bounce"
FROM "grouped" AS "grouped"