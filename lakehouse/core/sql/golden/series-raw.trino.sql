WITH "visits" AS (
  SELECT "buckets"."index" AS "bucket", "rows"."visitor_hash" AS "hash", count(*) AS "hits", count(*) FILTER (WHERE "rows"."name" = 'page_view') AS "pageviews", count(*) FILTER (WHERE "rows"."name" = 'purchase') AS "orders", sum(CAST("rows"."revenue_home_micros" AS decimal(38,0))) AS "revenue"
  FROM files_of_hits(merchant, _gen, time, bot, name, revenue_home_micros, visitor_hash) AS "rows"
  CROSS JOIN LATERAL (SELECT width_bucket(CAST(date_diff('millisecond', TIMESTAMP '1970-01-01 00:00:00.000 UTC', "rows"."time") AS double), CAST(JSON '[1774742400000,1774749600000]' AS array(double))) - 1 AS "index") AS "buckets"
  WHERE date_diff('millisecond', TIMESTAMP '1970-01-01 00:00:00.000 UTC', "rows"."time") < element_at(CAST(JSON '[-9007199254740991,1774746000000,1774751400000]' AS array(bigint)), "buckets"."index" + 2) AND "rows"."merchant" = 'o''brien' AND "rows"."_gen" = BIGINT '3' AND "rows"."time" >= TIMESTAMP '2026-03-29 00:00:00.000 UTC' AND "rows"."time" < TIMESTAMP '2026-03-29 02:30:00.000 UTC' AND "rows"."bot" = FALSE
  GROUP BY "buckets"."index", "rows"."visitor_hash"
),
"sums" AS (
  SELECT "bucket" AS "bucket", coalesce(sum(CAST("hits" AS decimal(38,0))), BIGINT '0') AS "hits", coalesce(sum(CAST("pageviews" AS decimal(38,0))), BIGINT '0') AS "pageviews", coalesce(sum(CAST("orders" AS decimal(38,0))), BIGINT '0') AS "orders", coalesce(sum(CAST("revenue" AS decimal(38,0))), BIGINT '0') AS "revenue", array_agg("hash") FILTER (WHERE "hash" IS NOT NULL) AS "hashes"
  FROM "visits" AS "visits"
  GROUP BY "bucket"
)
SELECT CAST("sums"."bucket" AS varchar) AS "bucket", CAST("sums"."hits" AS varchar) AS "hits", CAST("sums"."pageviews" AS varchar) AS "pageviews", CAST("sums"."orders" AS varchar) AS "orders", CAST("sums"."revenue" AS varchar) AS "revenue", CAST(least(coalesce(cardinality("sums"."hashes"), 0), 4097) AS varchar) AS "kept", CAST(if(cardinality("sums"."hashes") <= 4097, array_max("sums"."hashes"), element_at(array_sort("sums"."hashes"), 4097)) AS varchar) AS "largest"
FROM "sums" AS "sums"
ORDER BY "sums"."bucket"
