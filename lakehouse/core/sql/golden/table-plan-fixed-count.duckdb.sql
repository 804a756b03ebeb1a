WITH "read" AS (
  SELECT epoch_ms("rows"."time") AS "ms", "rows"."merchant" AS "row.merchant", "rows"."name" AS "row.name"
  FROM hits(_gen time bot merchant name) AS "rows"
  WHERE ("rows"."_gen" = CAST('3' AS BIGINT)) AND ("rows"."time" >= TIMESTAMPTZ '2026-03-29 00:00:00.000+00') AND ("rows"."time" < TIMESTAMPTZ '2026-03-31 01:00:00.000+00') AND ("rows"."bot" = FALSE)
),
"placed" AS (
  SELECT "ms" AS "ms", "row.merchant" AS "row.merchant", "row.name" AS "row.name", (("ms") - (("ms") % 3600000 + 3600000) % 3600000) // 3600000 * CAST('3600000' AS BIGINT) AS "window_start", ((("ms") - (("ms") % 3600000 + 3600000) % 3600000) // 3600000 * CAST('3600000' AS BIGINT)) + CAST('3600000' AS BIGINT) AS "window_end"
  FROM "read" AS "read"
),
"windowed" AS (
  SELECT "ms" AS "ms", "row.merchant" AS "row.merchant", "row.name" AS "row.name", "window_start" AS "window_start", "window_end" AS "window_end"
  FROM "placed" AS "placed"
  WHERE ("window_start" >= CAST('1774742400000' AS BIGINT)) AND ("window_start" < CAST('1774915200000' AS BIGINT))
),
"grouped" AS (
  SELECT "row.merchant" AS "row.merchant", "window_start" AS "window_start", "window_end" AS "window_end", count(*) AS "result of hits", count(*) FILTER (WHERE "row.name" = 'page_view') AS "result of views"
  FROM "windowed" AS "windowed"
  GROUP BY "row.merchant", "window_start", "window_end"
)
SELECT CASE WHEN "row.merchant" IS NOT NULL THEN CAST(to_json(["row.merchant"]) AS VARCHAR) END AS "merchant", CAST("result of hits" AS VARCHAR) AS "hits", CAST("result of views" AS VARCHAR) AS "views", CAST(epoch_ms(make_timestamptz(("window_start") * 1000)) AS VARCHAR) AS "from", CAST(epoch_ms(make_timestamptz(("window_end") * 1000)) AS VARCHAR) AS "to"
FROM "grouped" AS "grouped"