WITH "visits" AS (
  SELECT "buckets"."index" AS "bucket", "rows"."visitor_hash" AS "hash", count(*) AS "hits", count(*) FILTER (WHERE "rows"."name" = 'page_view') AS "pageviews", count(*) FILTER (WHERE "rows"."name" = 'purchase') AS "orders", sum("rows"."revenue_home_micros") AS "revenue"
  FROM files_of_hits(merchant, _gen, time, bot, name, revenue_home_micros, visitor_hash) AS "rows"
  ASOF JOIN (VALUES (CAST('0' AS BIGINT), TIMESTAMPTZ '2026-03-29 00:00:00.000+00', TIMESTAMPTZ '2026-03-29 01:00:00.000+00'), (CAST('1' AS BIGINT), TIMESTAMPTZ '2026-03-29 02:00:00.000+00', TIMESTAMPTZ '2026-03-29 02:30:00.000+00')) AS "buckets"("index", "start", "end")
  ON "rows"."time" >= "buckets"."start"
  WHERE "rows"."time" < "buckets"."end" AND "rows"."merchant" = 'o''brien' AND "rows"."_gen" = CAST('3' AS BIGINT) AND "rows"."time" >= TIMESTAMPTZ '2026-03-29 00:00:00.000+00' AND "rows"."time" < TIMESTAMPTZ '2026-03-29 02:30:00.000+00' AND "rows"."bot" = FALSE
  GROUP BY "buckets"."index", "rows"."visitor_hash"
),
"sums" AS (
  SELECT "bucket" AS "bucket", coalesce(sum("hits"), CAST('0' AS BIGINT)) AS "hits", coalesce(sum("pageviews"), CAST('0' AS BIGINT)) AS "pageviews", coalesce(sum("orders"), CAST('0' AS BIGINT)) AS "orders", coalesce(sum("revenue"), CAST('0' AS BIGINT)) AS "revenue"
  FROM "visits" AS "visits"
  GROUP BY "bucket"
),
"hashes" AS (
  SELECT "bucket" AS "bucket", "hash" AS "hash"
  FROM "visits" AS "visits"
  WHERE "hash" IS NOT NULL
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
