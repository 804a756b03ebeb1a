WITH "read" AS (
  SELECT date_diff('millisecond', TIMESTAMP '1970-01-01 00:00:00.000 UTC', "rows"."time") AS "ms", "rows"."merchant" AS "row.merchant", "rows"."name" AS "row.name"
  FROM hits(_gen time bot merchant name) AS "rows"
  WHERE ("rows"."_gen" = BIGINT '3') AND ("rows"."time" >= TIMESTAMP '2026-03-29 00:00:00.000 UTC') AND ("rows"."time" < TIMESTAMP '2026-03-31 01:00:00.000 UTC') AND ("rows"."bot" = FALSE)
),
"placed" AS (
  SELECT "ms" AS "ms", "row.merchant" AS "row.merchant", "row.name" AS "row.name", (("ms") - (("ms") % 3600000 + 3600000) % 3600000) / 3600000 * BIGINT '3600000' AS "window_start", ((("ms") - (("ms") % 3600000 + 3600000) % 3600000) / 3600000 * BIGINT '3600000') + BIGINT '3600000' AS "window_end"
  FROM "read" AS "read"
),
"windowed" AS (
  SELECT "ms" AS "ms", "row.merchant" AS "row.merchant", "row.name" AS "row.name", "window_start" AS "window_start", "window_end" AS "window_end"
  FROM "placed" AS "placed"
  WHERE ("window_start" >= BIGINT '1774742400000') AND ("window_start" < BIGINT '1774915200000')
),
"grouped" AS (
  SELECT "row.merchant" AS "row.merchant", "window_start" AS "window_start", "window_end" AS "window_end", count(*) AS "result of hits", count(*) FILTER (WHERE "row.name" = 'page_view') AS "result of views"
  FROM "windowed" AS "windowed"
  GROUP BY "row.merchant", "window_start", "window_end"
)
SELECT CAST(CASE WHEN "row.merchant" IS NOT NULL THEN json_format(CAST(ARRAY["row.merchant"] AS json)) END AS varchar) AS "merchant", CAST(CAST("result of hits" AS varchar) AS varchar) AS "hits", CAST(CAST("result of views" AS varchar) AS varchar) AS "views", CAST(CAST(date_diff('millisecond', TIMESTAMP '1970-01-01 00:00:00.000 UTC', CAST(from_unixtime_nanos(CAST("window_start" AS decimal(38,0)) * 1000000) AS timestamp(3) with time zone)) AS varchar) AS varchar) AS "from", CAST(CAST(date_diff('millisecond', TIMESTAMP '1970-01-01 00:00:00.000 UTC', CAST(from_unixtime_nanos(CAST("window_end" AS decimal(38,0)) * 1000000) AS timestamp(3) with time zone)) AS varchar) AS varchar) AS "to"
FROM "grouped" AS "grouped"