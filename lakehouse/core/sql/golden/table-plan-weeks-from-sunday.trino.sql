WITH "read" AS (
  SELECT date_diff('millisecond', TIMESTAMP '1970-01-01 00:00:00.000 UTC', "rows"."time") AS "ms", "rows"."merchant" AS "row.merchant", "rows"."zone" AS "row.zone"
  FROM hits(_gen time merchant zone) AS "rows"
  WHERE ("rows"."_gen" = BIGINT '3') AND ("rows"."time" >= TIMESTAMP '2026-03-29 00:00:00.000 UTC') AND ("rows"."time" < TIMESTAMP '2026-04-09 00:00:00.000 UTC')
),
"windowed" AS (
  SELECT "read"."ms" AS "ms", "read"."row.merchant" AS "row.merchant", "read"."row.zone" AS "row.zone", "buckets"."start_ms" AS "window_start", "buckets"."end_ms" AS "window_end"
  FROM "read" AS "read"
  JOIN (
    SELECT * FROM (VALUES ('America/New_York', BIGINT '1774756800000', BIGINT '1775361600000')) AS "rows"("zone", "start_ms", "end_ms")
  ) AS "buckets"
  ON ("read"."row.zone" = "buckets"."zone") AND ("read"."ms" >= "buckets"."start_ms") AND ("read"."ms" < "buckets"."end_ms")
),
"grouped" AS (
  SELECT "row.merchant" AS "row.merchant", "row.zone" AS "row.zone", "window_start" AS "window_start", "window_end" AS "window_end", count(*) AS "result of hits"
  FROM "windowed" AS "windowed"
  GROUP BY "row.merchant", "row.zone", "window_start", "window_end"
)
SELECT CAST(CASE WHEN "row.merchant" IS NOT NULL THEN json_format(CAST(ARRAY["row.merchant"] AS json)) END AS varchar) AS "merchant", CAST(CASE WHEN "row.zone" IS NOT NULL THEN json_format(CAST(ARRAY["row.zone"] AS json)) END AS varchar) AS "zone", CAST(CAST("result of hits" AS varchar) AS varchar) AS "hits", CAST(CAST(date_diff('millisecond', TIMESTAMP '1970-01-01 00:00:00.000 UTC', CAST(from_unixtime_nanos(CAST("window_start" AS decimal(38,0)) * 1000000) AS timestamp(3) with time zone)) AS varchar) AS varchar) AS "from", CAST(CAST(date_diff('millisecond', TIMESTAMP '1970-01-01 00:00:00.000 UTC', CAST(from_unixtime_nanos(CAST("window_end" AS decimal(38,0)) * 1000000) AS timestamp(3) with time zone)) AS varchar) AS varchar) AS "to"
FROM "grouped" AS "grouped"