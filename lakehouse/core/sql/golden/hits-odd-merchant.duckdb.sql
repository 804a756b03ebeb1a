WITH "sums" AS (
  SELECT "rows"."bucket" AS "bucket", coalesce(sum("rows"."hits"), CAST('0' AS BIGINT)) AS "hits", coalesce(sum("rows"."pageviews"), CAST('0' AS BIGINT)) AS "pageviews", coalesce(sum("rows"."orders"), CAST('0' AS BIGINT)) AS "orders", coalesce(sum("rows"."revenue_micros"), CAST('0' AS BIGINT)) AS "revenue"
  FROM (
    SELECT "pieces"."bucket" AS "bucket", "stored"."hits" AS "hits", "stored"."pageviews" AS "pageviews", "stored"."orders" AS "orders", "stored"."revenue_micros" AS "revenue_micros"
    FROM files_of_hourly(merchant, _gen, bucket, breakdown, value, other, hits, pageviews, orders, revenue_micros) AS "stored"
    ASOF JOIN (SELECT make_timestamptz("start_ms" * 1000) AS "start", make_timestamptz("end_ms" * 1000) AS "end", "bucket" FROM (SELECT unnest(CAST('[-3600000]' AS BIGINT[])) AS "start_ms", unnest(CAST('[0]' AS BIGINT[])) AS "end_ms", unnest(CAST('[0]' AS BIGINT[])) AS "bucket")) AS "pieces"
    ON "stored"."bucket" >= "pieces"."start"
    WHERE "stored"."bucket" < "pieces"."end" AND (("stored"."merchant" = ('tea' || chr(0) || '\ ☕😀''; --')) AND ("stored"."_gen" = CAST('3' AS BIGINT)) AND ("stored"."bucket" >= TIMESTAMPTZ '1969-12-31 23:00:00.000+00') AND ("stored"."bucket" < TIMESTAMPTZ '1970-01-01 00:00:00.000+00')) AND ("stored"."breakdown" = 'total')
  ) AS "rows"
  GROUP BY "rows"."bucket"
)
SELECT "sums"."bucket" AS "bucket", "sums"."hits" AS "hits", "sums"."pageviews" AS "pageviews", "sums"."orders" AS "orders", "sums"."revenue" AS "revenue"
FROM "sums" AS "sums"
LIMIT 20001
