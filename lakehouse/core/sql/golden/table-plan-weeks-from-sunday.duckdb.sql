WITH "read" AS (
  SELECT epoch_ms("rows"."time") AS "ms", "rows"."merchant" AS "row.merchant", "rows"."zone" AS "row.zone"
  FROM hits(_gen time merchant zone) AS "rows"
  WHERE ("rows"."_gen" = CAST('3' AS BIGINT)) AND ("rows"."time" >= TIMESTAMPTZ '2026-03-29 00:00:00.000+00') AND ("rows"."time" < TIMESTAMPTZ '2026-04-09 00:00:00.000+00')
),
"windowed" AS (
  SELECT "read"."ms" AS "ms", "read"."row.merchant" AS "row.merchant", "read"."row.zone" AS "row.zone", "buckets"."start_ms" AS "window_start", "buckets"."end_ms" AS "window_end"
  FROM "read" AS "read"
  JOIN (
    SELECT * FROM (VALUES ('America/New_York', CAST('1774756800000' AS BIGINT), CAST('1775361600000' AS BIGINT))) AS "rows"("zone", "start_ms", "end_ms")
  ) AS "buckets"
  ON ("read"."row.zone" = "buckets"."zone") AND ("read"."ms" >= "buckets"."start_ms") AND ("read"."ms" < "buckets"."end_ms")
),
"grouped" AS (
  SELECT "row.merchant" AS "row.merchant", "row.zone" AS "row.zone", "window_start" AS "window_start", "window_end" AS "window_end", count(*) AS "result of hits"
  FROM "windowed" AS "windowed"
  GROUP BY "row.merchant", "row.zone", "window_start", "window_end"
)
SELECT CASE WHEN "row.merchant" IS NOT NULL THEN CAST(to_json(["row.merchant"]) AS VARCHAR) END AS "merchant", CASE WHEN "row.zone" IS NOT NULL THEN CAST(to_json(["row.zone"]) AS VARCHAR) END AS "zone", CAST("result of hits" AS VARCHAR) AS "hits", CAST(epoch_ms(make_timestamptz(("window_start") * 1000)) AS VARCHAR) AS "from", CAST(epoch_ms(make_timestamptz(("window_end") * 1000)) AS VARCHAR) AS "to"
FROM "grouped" AS "grouped"