WITH "visitors" AS (
  SELECT "rows"."bucket" AS "bucket", "rows"."hash" AS "hash", count(*) AS "hits", count(*) FILTER (WHERE "rows"."name" = 'page_view') AS "pageviews", count(*) FILTER (WHERE "rows"."name" = 'purchase') AS "orders", sum("rows"."revenue") AS "revenue"
  FROM (
    SELECT "pieces"."bucket" AS "bucket", "stored"."name" AS "name", "stored"."revenue_home_micros" AS "revenue", "stored"."visitor_hash" AS "hash"
    FROM files_of_hits(merchant, _gen, time, bot, name, revenue_home_micros, visitor_hash, received, visitor, user) AS "stored"
    ASOF JOIN (SELECT make_timestamptz("start_ms" * 1000) AS "start", make_timestamptz("end_ms" * 1000) AS "end", "bucket" FROM (SELECT unnest(CAST('[1774742400000,1774749600000]' AS BIGINT[])) AS "start_ms", unnest(CAST('[1774746000000,1774751400000]' AS BIGINT[])) AS "end_ms", unnest(CAST('[0,1]' AS BIGINT[])) AS "bucket")) AS "pieces"
    ON "stored"."time" >= "pieces"."start"
    WHERE "stored"."time" < "pieces"."end" AND (("stored"."merchant" = 'o''brien') AND ("stored"."_gen" = CAST('3' AS BIGINT)) AND ("stored"."time" >= TIMESTAMPTZ '2026-03-29 00:00:00.000+00') AND ("stored"."time" < TIMESTAMPTZ '2026-03-29 02:30:00.000+00')) AND coalesce(epoch_ms("stored"."received") > CASE "stored"."merchant" WHEN 'o''brien' THEN 1774742399999 END, TRUE) AND coalesce(epoch_ms("stored"."received") > CASE "stored"."merchant" WHEN 'o''brien' THEN CASE WHEN "stored"."visitor" IN ('v''1', '😀', 'v2') THEN CASE "stored"."visitor" WHEN 'v''1' THEN 1774742400000 WHEN '😀' THEN 1774742400001 WHEN 'v2' THEN 1774742400000 END END END, TRUE) AND coalesce(epoch_ms("stored"."received") > CASE "stored"."merchant" WHEN 'o''brien' THEN CASE "stored"."user" WHEN 'u' THEN 1774742400002 END END, TRUE) AND ("stored"."bot" = FALSE)
  ) AS "rows"
  GROUP BY "rows"."bucket", "rows"."hash"
),
"sums" AS (
  SELECT "rows"."bucket" AS "bucket", coalesce(sum("rows"."hits"), CAST('0' AS BIGINT)) AS "hits", coalesce(sum("rows"."pageviews"), CAST('0' AS BIGINT)) AS "pageviews", coalesce(sum("rows"."orders"), CAST('0' AS BIGINT)) AS "orders", coalesce(sum("rows"."revenue"), CAST('0' AS BIGINT)) AS "revenue"
  FROM "visitors" AS "rows"
  GROUP BY "rows"."bucket"
),
"hashes" AS (
  SELECT "bucket" AS "bucket", "hash" AS "hash"
  FROM "visitors" AS "visitors"
  WHERE "hash" IS NOT NULL
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
