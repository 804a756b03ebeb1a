WITH "sums" AS (
  SELECT "rows"."bucket" AS "bucket", coalesce(sum("rows"."hits"), CAST('0' AS BIGINT)) AS "hits", coalesce(sum("rows"."pageviews"), CAST('0' AS BIGINT)) AS "pageviews", coalesce(sum("rows"."orders"), CAST('0' AS BIGINT)) AS "orders", coalesce(sum("rows"."revenue_micros"), CAST('0' AS BIGINT)) AS "revenue"
  FROM (
    SELECT "pieces"."bucket" AS "bucket", "stored"."hits" AS "hits", "stored"."pageviews" AS "pageviews", "stored"."orders" AS "orders", "stored"."revenue_micros" AS "revenue_micros"
    FROM files_of_hourly(merchant, _gen, bucket, breakdown, value, other, hits, pageviews, orders, revenue_micros) AS "stored"
    ASOF JOIN (SELECT make_timestamptz("start_ms" * 1000) AS "start", make_timestamptz("end_ms" * 1000) AS "end", "bucket" FROM (SELECT unnest(CAST('[1774742400000,1774749600000]' AS BIGINT[])) AS "start_ms", unnest(CAST('[1774746000000,1774751400000]' AS BIGINT[])) AS "end_ms", unnest(CAST('[0,1]' AS BIGINT[])) AS "bucket")) AS "pieces"
    ON "stored"."bucket" >= "pieces"."start"
    WHERE "stored"."bucket" < "pieces"."end" AND (("stored"."merchant" = 'o''brien') AND ("stored"."_gen" = CAST('3' AS BIGINT)) AND ("stored"."bucket" >= TIMESTAMPTZ '2026-03-29 00:00:00.000+00') AND ("stored"."bucket" < TIMESTAMPTZ '2026-03-29 02:30:00.000+00')) AND ("stored"."breakdown" = 'total')
  ) AS "rows"
  GROUP BY "rows"."bucket"
),
"hashes" AS (
  SELECT DISTINCT "rows"."bucket" AS "bucket", "visitor"."hash" AS "hash"
  FROM (
    SELECT "pieces"."bucket" AS "bucket", "stored"."visitors" AS "visitors"
    FROM files_of_hourly(merchant, _gen, bucket, breakdown, value, other, visitors) AS "stored"
    ASOF JOIN (SELECT make_timestamptz("start_ms" * 1000) AS "start", make_timestamptz("end_ms" * 1000) AS "end", "bucket" FROM (SELECT unnest(CAST('[1774742400000,1774749600000]' AS BIGINT[])) AS "start_ms", unnest(CAST('[1774746000000,1774751400000]' AS BIGINT[])) AS "end_ms", unnest(CAST('[0,1]' AS BIGINT[])) AS "bucket")) AS "pieces"
    ON "stored"."bucket" >= "pieces"."start"
    WHERE "stored"."bucket" < "pieces"."end" AND (("stored"."merchant" = 'o''brien') AND ("stored"."_gen" = CAST('3' AS BIGINT)) AND ("stored"."bucket" >= TIMESTAMPTZ '2026-03-29 00:00:00.000+00') AND ("stored"."bucket" < TIMESTAMPTZ '2026-03-29 02:30:00.000+00')) AND ("stored"."breakdown" = 'total')
  ) AS "rows"
  CROSS JOIN UNNEST("rows"."visitors") AS "visitor"("hash")
),
"counted" AS (
  SELECT "bucket" AS "bucket", count(*) AS "kept", max("hash") AS "largest"
  FROM "hashes" AS "hashes"
  GROUP BY "bucket"
),
"ranked" AS (
  SELECT "hashes"."bucket" AS "bucket", "hashes"."hash" AS "hash", row_number() OVER (PARTITION BY "hashes"."bucket" ORDER BY "hashes"."hash") AS "place"
  FROM "hashes" AS "hashes"
  JOIN "counted" AS "counted"
  ON ("hashes"."bucket" = "counted"."bucket")
  WHERE "counted"."kept" > CAST('4097' AS BIGINT)
),
"cut" AS (
  SELECT "bucket" AS "bucket", count(*) AS "kept", max("hash") AS "largest"
  FROM "ranked" AS "ranked"
  WHERE "place" <= CAST('4097' AS BIGINT)
  GROUP BY "bucket"
)
SELECT "sums"."bucket" AS "bucket", "sums"."hits" AS "hits", "sums"."pageviews" AS "pageviews", "sums"."orders" AS "orders", "sums"."revenue" AS "revenue", coalesce("cut"."kept", coalesce("counted"."kept", CAST('0' AS BIGINT))) AS "kept", coalesce("cut"."largest", "counted"."largest") AS "largest"
FROM "sums" AS "sums"
LEFT JOIN "counted" AS "counted"
ON ("sums"."bucket" = "counted"."bucket")
LEFT JOIN "cut" AS "cut"
ON ("sums"."bucket" = "cut"."bucket")
LIMIT 20001
