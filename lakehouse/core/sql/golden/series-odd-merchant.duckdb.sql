WITH "sums" AS (
  SELECT "buckets"."index" AS "bucket", coalesce(sum("rows"."hits"), CAST('0' AS BIGINT)) AS "hits", coalesce(sum("rows"."pageviews"), CAST('0' AS BIGINT)) AS "pageviews", coalesce(sum("rows"."orders"), CAST('0' AS BIGINT)) AS "orders", coalesce(sum("rows"."revenue_micros"), CAST('0' AS BIGINT)) AS "revenue"
  FROM files_of_hourly(merchant, _gen, bucket, breakdown, hits, pageviews, orders, revenue_micros) AS "rows"
  ASOF JOIN (VALUES (CAST('0' AS BIGINT), TIMESTAMPTZ '1969-12-31 23:00:00.000+00', TIMESTAMPTZ '1970-01-01 00:00:00.000+00')) AS "buckets"("index", "start", "end")
  ON "rows"."bucket" >= "buckets"."start"
  WHERE "rows"."bucket" < "buckets"."end" AND "rows"."merchant" = ('tea' || chr(0) || '\ ☕😀''; --') AND "rows"."_gen" = CAST('3' AS BIGINT) AND "rows"."bucket" >= TIMESTAMPTZ '1969-12-31 23:00:00.000+00' AND "rows"."bucket" < TIMESTAMPTZ '1970-01-01 00:00:00.000+00' AND "rows"."breakdown" = 'total'
  GROUP BY "buckets"."index"
),
"hashes" AS (
  SELECT DISTINCT "buckets"."index" AS "bucket", "visitor"."hash" AS "hash"
  FROM files_of_hourly(merchant, _gen, bucket, breakdown, visitors) AS "rows"
  ASOF JOIN (VALUES (CAST('0' AS BIGINT), TIMESTAMPTZ '1969-12-31 23:00:00.000+00', TIMESTAMPTZ '1970-01-01 00:00:00.000+00')) AS "buckets"("index", "start", "end")
  ON "rows"."bucket" >= "buckets"."start"
  CROSS JOIN UNNEST("rows"."visitors") AS "visitor"("hash")
  WHERE "rows"."bucket" < "buckets"."end" AND "rows"."merchant" = ('tea' || chr(0) || '\ ☕😀''; --') AND "rows"."_gen" = CAST('3' AS BIGINT) AND "rows"."bucket" >= TIMESTAMPTZ '1969-12-31 23:00:00.000+00' AND "rows"."bucket" < TIMESTAMPTZ '1970-01-01 00:00:00.000+00' AND "rows"."breakdown" = 'total'
),
"counted" AS (
  SELECT "bucket" AS "bucket", count(*) AS "kept", max("hash") AS "largest"
  FROM "hashes" AS "hashes"
  GROUP BY "bucket"
),
"placed" AS (
  SELECT "hashes"."bucket" AS "bucket", "hashes"."hash" AS "hash", row_number() OVER (PARTITION BY "hashes"."bucket" ORDER BY "hashes"."hash") AS "place"
  FROM "hashes" AS "hashes"
  JOIN "counted" AS "counted"
  ON "hashes"."bucket" = "counted"."bucket"
  WHERE "counted"."kept" > CAST('4097' AS BIGINT)
),
"cut" AS (
  SELECT "bucket" AS "bucket", count(*) AS "kept", max("hash") AS "largest"
  FROM "placed" AS "placed"
  WHERE "place" <= CAST('4097' AS BIGINT)
  GROUP BY "bucket"
)
SELECT "sums"."bucket" AS "bucket", "sums"."hits" AS "hits", "sums"."pageviews" AS "pageviews", "sums"."orders" AS "orders", "sums"."revenue" AS "revenue", coalesce("cut"."kept", coalesce("counted"."kept", CAST('0' AS BIGINT))) AS "kept", coalesce("cut"."largest", "counted"."largest") AS "largest"
FROM "sums" AS "sums"
LEFT JOIN "counted" AS "counted"
ON "sums"."bucket" = "counted"."bucket"
LEFT JOIN "cut" AS "cut"
ON "sums"."bucket" = "cut"."bucket"
ORDER BY "sums"."bucket"
