WITH "sums" AS (
  SELECT "rows"."bucket" AS "bucket", "rows"."d0" AS "d0", "rows"."other" AS "other", coalesce(sum("rows"."hits"), CAST('0' AS BIGINT)) AS "hits", coalesce(sum("rows"."pageviews"), CAST('0' AS BIGINT)) AS "pageviews", coalesce(sum("rows"."orders"), CAST('0' AS BIGINT)) AS "orders", coalesce(sum("rows"."revenue_micros"), CAST('0' AS BIGINT)) AS "revenue", flatten(list("rows"."load") FILTER (WHERE "rows"."load" IS NOT NULL)) AS "load", flatten(list("rows"."other_revenue") FILTER (WHERE "rows"."other_revenue" IS NOT NULL)) AS "other_revenue"
  FROM (
    (
      SELECT "pieces"."bucket" AS "bucket", CASE WHEN coalesce("stored"."other", FALSE) THEN '' ELSE coalesce("stored"."value", '') END AS "d0", coalesce("stored"."other", FALSE) AS "other", "stored"."hits" AS "hits", "stored"."pageviews" AS "pageviews", "stored"."orders" AS "orders", "stored"."revenue_micros" AS "revenue_micros", "stored"."load" AS "load", "stored"."other_revenue" AS "other_revenue"
      FROM files_of_hourly(merchant, _gen, bucket, breakdown, value, other, hits, pageviews, orders, revenue_micros, load, other_revenue) AS "stored"
      ASOF JOIN (SELECT make_timestamptz("start_ms" * 1000) AS "start", make_timestamptz("end_ms" * 1000) AS "end", "bucket" FROM (SELECT unnest(CAST('[1774742400000,1774749600000]' AS BIGINT[])) AS "start_ms", unnest(CAST('[1774746000000,1774751400000]' AS BIGINT[])) AS "end_ms", unnest(CAST('[0,1]' AS BIGINT[])) AS "bucket")) AS "pieces"
      ON "stored"."bucket" >= "pieces"."start"
      WHERE "stored"."bucket" < "pieces"."end" AND (("stored"."merchant" = 'o''brien') AND ("stored"."_gen" = CAST('3' AS BIGINT)) AND ("stored"."bucket" >= TIMESTAMPTZ '2026-03-29 00:00:00.000+00') AND ("stored"."bucket" < TIMESTAMPTZ '2026-03-29 02:30:00.000+00')) AND ("stored"."breakdown" = 'page') AND ((NOT coalesce("stored"."other", FALSE)) AND (contains(coalesce("stored"."value", ''), '/bowls') OR contains(coalesce("stored"."value", ''), 'o''b')))
    )
    UNION ALL
    (
      SELECT "pieces"."bucket" AS "bucket", CASE WHEN coalesce("stored"."other", FALSE) THEN '' ELSE coalesce("stored"."value", '') END AS "d0", coalesce("stored"."other", FALSE) AS "other", "stored"."hits" AS "hits", "stored"."pageviews" AS "pageviews", "stored"."orders" AS "orders", "stored"."revenue_micros" AS "revenue_micros", "stored"."load" AS "load", "stored"."other_revenue" AS "other_revenue"
      FROM files_of_daily(merchant, _gen, bucket, breakdown, value, other, _publish, hits, pageviews, orders, revenue_micros, load, other_revenue) AS "stored"
      ASOF JOIN (SELECT make_timestamptz("start_ms" * 1000) AS "start", make_timestamptz("end_ms" * 1000) AS "end", "bucket", "stored" FROM (SELECT unnest(CAST('[1774828800000]' AS BIGINT[])) AS "start_ms", unnest(CAST('[1774915200000]' AS BIGINT[])) AS "end_ms", unnest(CAST('[1]' AS BIGINT[])) AS "bucket", unnest(CAST('[7]' AS BIGINT[])) AS "stored")) AS "pieces"
      ON "stored"."bucket" >= "pieces"."start"
      WHERE "stored"."bucket" < "pieces"."end" AND (("stored"."merchant" = 'o''brien') AND ("stored"."_gen" = CAST('3' AS BIGINT)) AND ("stored"."bucket" >= TIMESTAMPTZ '2026-03-30 00:00:00.000+00') AND ("stored"."bucket" < TIMESTAMPTZ '2026-03-31 00:00:00.000+00')) AND ("stored"."breakdown" = 'page') AND ("stored"."_publish" = "pieces"."stored") AND ((NOT coalesce("stored"."other", FALSE)) AND (contains(coalesce("stored"."value", ''), '/bowls') OR contains(coalesce("stored"."value", ''), 'o''b')))
    )
  ) AS "rows"
  GROUP BY "rows"."bucket", "rows"."d0", "rows"."other"
),
"hashes" AS (
  SELECT DISTINCT "rows"."bucket" AS "bucket", "rows"."d0" AS "d0", "rows"."other" AS "other", "visitor"."hash" AS "hash"
  FROM (
    (
      SELECT "pieces"."bucket" AS "bucket", CASE WHEN coalesce("stored"."other", FALSE) THEN '' ELSE coalesce("stored"."value", '') END AS "d0", coalesce("stored"."other", FALSE) AS "other", "stored"."visitors" AS "visitors"
      FROM files_of_hourly(merchant, _gen, bucket, breakdown, value, other, visitors) AS "stored"
      ASOF JOIN (SELECT make_timestamptz("start_ms" * 1000) AS "start", make_timestamptz("end_ms" * 1000) AS "end", "bucket" FROM (SELECT unnest(CAST('[1774742400000,1774749600000]' AS BIGINT[])) AS "start_ms", unnest(CAST('[1774746000000,1774751400000]' AS BIGINT[])) AS "end_ms", unnest(CAST('[0,1]' AS BIGINT[])) AS "bucket")) AS "pieces"
      ON "stored"."bucket" >= "pieces"."start"
      WHERE "stored"."bucket" < "pieces"."end" AND (("stored"."merchant" = 'o''brien') AND ("stored"."_gen" = CAST('3' AS BIGINT)) AND ("stored"."bucket" >= TIMESTAMPTZ '2026-03-29 00:00:00.000+00') AND ("stored"."bucket" < TIMESTAMPTZ '2026-03-29 02:30:00.000+00')) AND ("stored"."breakdown" = 'page') AND ((NOT coalesce("stored"."other", FALSE)) AND (contains(coalesce("stored"."value", ''), '/bowls') OR contains(coalesce("stored"."value", ''), 'o''b')))
    )
    UNION ALL
    (
      SELECT "pieces"."bucket" AS "bucket", CASE WHEN coalesce("stored"."other", FALSE) THEN '' ELSE coalesce("stored"."value", '') END AS "d0", coalesce("stored"."other", FALSE) AS "other", "stored"."visitors" AS "visitors"
      FROM files_of_daily(merchant, _gen, bucket, breakdown, value, other, _publish, visitors) AS "stored"
      ASOF JOIN (SELECT make_timestamptz("start_ms" * 1000) AS "start", make_timestamptz("end_ms" * 1000) AS "end", "bucket", "stored" FROM (SELECT unnest(CAST('[1774828800000]' AS BIGINT[])) AS "start_ms", unnest(CAST('[1774915200000]' AS BIGINT[])) AS "end_ms", unnest(CAST('[1]' AS BIGINT[])) AS "bucket", unnest(CAST('[7]' AS BIGINT[])) AS "stored")) AS "pieces"
      ON "stored"."bucket" >= "pieces"."start"
      WHERE "stored"."bucket" < "pieces"."end" AND (("stored"."merchant" = 'o''brien') AND ("stored"."_gen" = CAST('3' AS BIGINT)) AND ("stored"."bucket" >= TIMESTAMPTZ '2026-03-30 00:00:00.000+00') AND ("stored"."bucket" < TIMESTAMPTZ '2026-03-31 00:00:00.000+00')) AND ("stored"."breakdown" = 'page') AND ("stored"."_publish" = "pieces"."stored") AND ((NOT coalesce("stored"."other", FALSE)) AND (contains(coalesce("stored"."value", ''), '/bowls') OR contains(coalesce("stored"."value", ''), 'o''b')))
    )
  ) AS "rows"
  CROSS JOIN UNNEST("rows"."visitors") AS "visitor"("hash")
),
"counted" AS (
  SELECT "bucket" AS "bucket", "d0" AS "d0", "other" AS "other", count(*) AS "kept", max("hash") AS "largest"
  FROM "hashes" AS "hashes"
  GROUP BY "bucket", "d0", "other"
),
"ranked" AS (
  SELECT "hashes"."bucket" AS "bucket", "hashes"."d0" AS "d0", "hashes"."other" AS "other", "hashes"."hash" AS "hash", row_number() OVER (PARTITION BY "hashes"."bucket", "hashes"."d0", "hashes"."other" ORDER BY "hashes"."hash") AS "place"
  FROM "hashes" AS "hashes"
  JOIN "counted" AS "counted"
  ON ("hashes"."bucket" = "counted"."bucket") AND ("hashes"."d0" = "counted"."d0") AND ("hashes"."other" = "counted"."other")
  WHERE "counted"."kept" > CAST('1025' AS BIGINT)
),
"cut" AS (
  SELECT "bucket" AS "bucket", "d0" AS "d0", "other" AS "other", count(*) AS "kept", max("hash") AS "largest"
  FROM "ranked" AS "ranked"
  WHERE "place" <= CAST('1025' AS BIGINT)
  GROUP BY "bucket", "d0", "other"
)
SELECT "sums"."bucket" AS "bucket", CAST(to_json(["sums"."d0"]) AS VARCHAR) AS "values", CAST("sums"."other" AS VARCHAR) AS "other", "sums"."hits" AS "hits", "sums"."pageviews" AS "pageviews", "sums"."orders" AS "orders", "sums"."revenue" AS "revenue", coalesce("cut"."kept", coalesce("counted"."kept", CAST('0' AS BIGINT))) AS "kept", coalesce("cut"."largest", "counted"."largest") AS "largest", CAST(to_json(list_transform(CASE WHEN "sums"."load" IS NOT NULL THEN coalesce((SELECT list(struct_pack("bucket" := CAST(k AS INTEGER), "n" := CAST(v AS BIGINT)) ORDER BY k) FROM (SELECT each."bucket" AS k, sum(each."n") AS v FROM (SELECT unnest("sums"."load") AS each) GROUP BY k)), []) END, lambda each: [CAST(each."bucket" AS VARCHAR), CAST(each."n" AS VARCHAR)])) AS VARCHAR) AS "load", CAST(to_json(list_transform(CASE WHEN "sums"."other_revenue" IS NOT NULL THEN coalesce((SELECT list(struct_pack("currency" := CAST(k AS VARCHAR), "micros" := CAST(v AS DECIMAL(38,0))) ORDER BY k) FROM (SELECT each."currency" AS k, sum(each."micros") AS v FROM (SELECT unnest("sums"."other_revenue") AS each) GROUP BY k)), []) END, lambda each: [CAST(each."currency" AS VARCHAR), CAST(each."micros" AS VARCHAR)])) AS VARCHAR) AS "other_revenue"
FROM "sums" AS "sums"
LEFT JOIN "counted" AS "counted"
ON ("sums"."bucket" = "counted"."bucket") AND ("sums"."d0" = "counted"."d0") AND ("sums"."other" = "counted"."other")
LEFT JOIN "cut" AS "cut"
ON ("sums"."bucket" = "cut"."bucket") AND ("sums"."d0" = "cut"."d0") AND ("sums"."other" = "cut"."other")
LIMIT 20001
