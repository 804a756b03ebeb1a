WITH "visitors" AS (
  SELECT "rows"."bucket" AS "bucket", "rows"."hash" AS "hash", count(*) AS "hits", count(*) FILTER (WHERE "rows"."name" = 'page_view') AS "pageviews", count(*) FILTER (WHERE "rows"."name" = 'purchase') AS "orders", sum(CAST("rows"."revenue" AS decimal(38,0))) AS "revenue"
  FROM (
    SELECT "pieces"."bucket" AS "bucket", "stored"."name" AS "name", "stored"."revenue_home_micros" AS "revenue", "stored"."visitor_hash" AS "hash"
    FROM files_of_hits(merchant, _gen, time, bot, name, revenue_home_micros, visitor_hash, received, visitor, user) AS "stored"
    CROSS JOIN LATERAL (SELECT "range", element_at(CAST(JSON '[null,0,1]' AS array(bigint)), "range" + 1) AS "bucket" FROM (SELECT width_bucket(CAST(date_diff('millisecond', TIMESTAMP '1970-01-01 00:00:00.000 UTC', "stored"."time") AS double), CAST(JSON '[1774742400000,1774749600000]' AS array(double))) AS "range")) AS "pieces"
    WHERE date_diff('millisecond', TIMESTAMP '1970-01-01 00:00:00.000 UTC', "stored"."time") < element_at(CAST(JSON '[-9007199254740991,1774746000000,1774751400000]' AS array(bigint)), "pieces"."range" + 1) AND (("stored"."merchant" = 'o''brien') AND ("stored"."_gen" = BIGINT '3') AND ("stored"."time" >= TIMESTAMP '2026-03-29 00:00:00.000 UTC') AND ("stored"."time" < TIMESTAMP '2026-03-29 02:30:00.000 UTC')) AND coalesce(date_diff('millisecond', TIMESTAMP '1970-01-01 00:00:00.000 UTC', "stored"."received") > element_at(CAST(JSON '{"o\u0027brien":1774742399999}' AS map(varchar, bigint)), "stored"."merchant"), TRUE) AND coalesce(date_diff('millisecond', TIMESTAMP '1970-01-01 00:00:00.000 UTC', "stored"."received") > element_at(element_at(CAST(JSON '{"o\u0027brien":{"v\u00271":1774742400000,"\ud83d\ude00":1774742400001,"v2":1774742400000}}' AS map(varchar, map(varchar, bigint))), "stored"."merchant"), "stored"."visitor"), TRUE) AND coalesce(date_diff('millisecond', TIMESTAMP '1970-01-01 00:00:00.000 UTC', "stored"."received") > element_at(element_at(CAST(JSON '{"o\u0027brien":{"u":1774742400002}}' AS map(varchar, map(varchar, bigint))), "stored"."merchant"), "stored"."user"), TRUE) AND ("stored"."bot" = FALSE)
  ) AS "rows"
  GROUP BY "rows"."bucket", "rows"."hash"
),
"sums" AS (
  SELECT "rows"."bucket" AS "bucket", coalesce(sum(CAST("rows"."hits" AS decimal(38,0))), BIGINT '0') AS "hits", coalesce(sum(CAST("rows"."pageviews" AS decimal(38,0))), BIGINT '0') AS "pageviews", coalesce(sum(CAST("rows"."orders" AS decimal(38,0))), BIGINT '0') AS "orders", coalesce(sum(CAST("rows"."revenue" AS decimal(38,0))), BIGINT '0') AS "revenue", array_agg("rows"."hash") FILTER (WHERE "rows"."hash" IS NOT NULL) AS "hashes"
  FROM "visitors" AS "rows"
  GROUP BY "rows"."bucket"
)
SELECT CAST("sums"."bucket" AS varchar) AS "bucket", CAST("sums"."hits" AS varchar) AS "hits", CAST("sums"."pageviews" AS varchar) AS "pageviews", CAST("sums"."orders" AS varchar) AS "orders", CAST("sums"."revenue" AS varchar) AS "revenue", CAST(least(coalesce(cardinality("sums"."hashes"), 0), 4097) AS varchar) AS "kept", CAST(if(cardinality("sums"."hashes") <= 4097, array_max("sums"."hashes"), element_at(array_sort("sums"."hashes"), 4097)) AS varchar) AS "largest"
FROM "sums" AS "sums"
LIMIT 20001
