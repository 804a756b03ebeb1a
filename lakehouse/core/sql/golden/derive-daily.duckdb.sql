WITH "of_units" AS (
  SELECT "rows"."merchant" AS "merchant", "units"."unit_start" AS "bucket", "units"."unit_end" AS "bucket_end", coalesce("rows"."other", FALSE) AS "other", "rows"."breakdown" AS "breakdown", "rows"."value" AS "value", "rows"."hits" AS "hits", "rows"."pageviews" AS "pageviews", "rows"."orders" AS "orders", "rows"."revenue_micros" AS "revenue_micros", "rows"."visitors" AS "visitors", "rows"."load" AS "load", "rows"."other_revenue" AS "other_revenue", "rows"."_src" AS "_src", "rows"."_part" AS "_part", "rows"."_off_from" AS "_off_from", "rows"."_off_to" AS "_off_to"
  FROM hourly(merchant _gen bucket other breakdown value hits pageviews orders revenue_micros visitors load other_revenue _src _part _off_from _off_to) AS "rows"
  JOIN (
    SELECT * FROM (VALUES ('o''brien', TIMESTAMPTZ '2026-03-29 00:00:00.000+00', TIMESTAMPTZ '2026-03-30 00:00:00.000+00'), ('ship', TIMESTAMPTZ '2026-03-29 00:00:00.000+00', TIMESTAMPTZ '2026-03-30 00:00:00.000+00')) AS "rows"("merchant", "unit_start", "unit_end")
  ) AS "units"
  ON "rows"."merchant" = "units"."merchant"
  WHERE (("rows"."merchant" >= 'o''brien') AND ("rows"."merchant" <= 'ship') AND ("rows"."_gen" = CAST('1' AS BIGINT)) AND ("rows"."bucket" >= TIMESTAMPTZ '2026-03-29 00:00:00.000+00') AND ("rows"."bucket" < TIMESTAMPTZ '2026-03-30 00:00:00.000+00')) AND (("rows"."bucket" >= "units"."unit_start") AND ("rows"."bucket" < "units"."unit_end"))
),
"gathered" AS (
  SELECT "merchant" AS "merchant", "bucket" AS "bucket", "bucket_end" AS "bucket_end", "breakdown" AS "breakdown", "value" AS "value", "other" AS "other", sum("hits") AS "hits", sum("pageviews") AS "pageviews", sum("orders") AS "orders", sum("revenue_micros") AS "revenue_micros", list_distinct(flatten(list("visitors") FILTER (WHERE "visitors" IS NOT NULL))) AS "visitors", flatten(list("load") FILTER (WHERE "load" IS NOT NULL)) AS "load", flatten(list("other_revenue") FILTER (WHERE "other_revenue" IS NOT NULL)) AS "other_revenue", min("_src") AS "_src", min("_part") AS "_part", min("_off_from") AS "_off_from", max("_off_to") AS "_off_to"
  FROM "of_units" AS "of_units"
  GROUP BY "merchant", "bucket", "bucket_end", "breakdown", "value", "other"
),
"folded" AS (
  SELECT "merchant" AS "merchant", "bucket" AS "bucket", "bucket_end" AS "bucket_end", "breakdown" AS "breakdown", "value" AS "value", "other" AS "other", "hits" AS "hits", "pageviews" AS "pageviews", "orders" AS "orders", "revenue_micros" AS "revenue_micros", "_src" AS "_src", "_part" AS "_part", "_off_from" AS "_off_from", "_off_to" AS "_off_to", CASE WHEN "breakdown" = 'total' THEN list_sort("visitors")[1:4097] ELSE list_sort("visitors")[1:1025] END AS "visitors", CASE WHEN "load" IS NOT NULL THEN coalesce((SELECT list(struct_pack("bucket" := CAST(k AS INTEGER), "n" := CAST(v AS BIGINT)) ORDER BY k) FROM (SELECT each."bucket" AS k, sum(each."n") AS v FROM (SELECT unnest("load") AS each) GROUP BY k)), []) END AS "load", CASE WHEN "other_revenue" IS NOT NULL THEN coalesce((SELECT list(struct_pack("currency" := CAST(k AS VARCHAR), "micros" := CAST(v AS DECIMAL(38,0))) ORDER BY k) FROM (SELECT each."currency" AS k, sum(each."micros") AS v FROM (SELECT unnest("other_revenue") AS each) GROUP BY k)), []) END AS "other_revenue"
  FROM "gathered" AS "gathered"
),
"ranked" AS (
  SELECT "merchant" AS "merchant", "bucket" AS "bucket", "bucket_end" AS "bucket_end", "breakdown" AS "breakdown", "value" AS "value", "other" AS "other", "hits" AS "hits", "pageviews" AS "pageviews", "orders" AS "orders", "revenue_micros" AS "revenue_micros", "visitors" AS "visitors", "load" AS "load", "other_revenue" AS "other_revenue", "_src" AS "_src", "_part" AS "_part", "_off_from" AS "_off_from", "_off_to" AS "_off_to", row_number() OVER (PARTITION BY "merchant", "bucket", "bucket_end", "breakdown", "other" ORDER BY coalesce("hits", CAST('0' AS BIGINT)) DESC, "value") AS "rank"
  FROM "folded" AS "folded"
),
"cut" AS (
  SELECT "merchant" AS "merchant", "bucket" AS "bucket", "bucket_end" AS "bucket_end", "breakdown" AS "breakdown", "hits" AS "hits", "pageviews" AS "pageviews", "orders" AS "orders", "revenue_micros" AS "revenue_micros", "visitors" AS "visitors", "load" AS "load", "other_revenue" AS "other_revenue", "_src" AS "_src", "_part" AS "_part", "_off_from" AS "_off_from", "_off_to" AS "_off_to", CASE WHEN (NOT "other") AND ("rank" <= CAST('20' AS BIGINT)) THEN "value" ELSE '' END AS "value", "other" OR ("rank" > CAST('20' AS BIGINT)) AS "other"
  FROM "ranked" AS "ranked"
),
"gathered_again" AS (
  SELECT "merchant" AS "merchant", "bucket" AS "bucket", "bucket_end" AS "bucket_end", "breakdown" AS "breakdown", "value" AS "value", "other" AS "other", sum("hits") AS "hits", sum("pageviews") AS "pageviews", sum("orders") AS "orders", sum("revenue_micros") AS "revenue_micros", list_distinct(flatten(list("visitors") FILTER (WHERE "visitors" IS NOT NULL))) AS "visitors", flatten(list("load") FILTER (WHERE "load" IS NOT NULL)) AS "load", flatten(list("other_revenue") FILTER (WHERE "other_revenue" IS NOT NULL)) AS "other_revenue", min("_src") AS "_src", min("_part") AS "_part", min("_off_from") AS "_off_from", max("_off_to") AS "_off_to"
  FROM "cut" AS "cut"
  GROUP BY "merchant", "bucket", "bucket_end", "breakdown", "value", "other"
),
"days" AS (
  SELECT "merchant" AS "merchant", "bucket" AS "bucket", "bucket_end" AS "bucket_end", "breakdown" AS "breakdown", "value" AS "value", "other" AS "other", "hits" AS "hits", "pageviews" AS "pageviews", "orders" AS "orders", "revenue_micros" AS "revenue_micros", "_src" AS "_src", "_part" AS "_part", "_off_from" AS "_off_from", "_off_to" AS "_off_to", CASE WHEN "breakdown" = 'total' THEN list_sort("visitors")[1:4097] ELSE list_sort("visitors")[1:1025] END AS "visitors", CASE WHEN "load" IS NOT NULL THEN coalesce((SELECT list(struct_pack("bucket" := CAST(k AS INTEGER), "n" := CAST(v AS BIGINT)) ORDER BY k) FROM (SELECT each."bucket" AS k, sum(each."n") AS v FROM (SELECT unnest("load") AS each) GROUP BY k)), []) END AS "load", CASE WHEN "other_revenue" IS NOT NULL THEN coalesce((SELECT list(struct_pack("currency" := CAST(k AS VARCHAR), "micros" := CAST(v AS DECIMAL(38,0))) ORDER BY k) FROM (SELECT each."currency" AS k, sum(each."micros") AS v FROM (SELECT unnest("other_revenue") AS each) GROUP BY k)), []) END AS "other_revenue"
  FROM "gathered_again" AS "gathered_again"
)
SELECT "days"."merchant" AS "merchant", "days"."bucket" AS "bucket", "days"."bucket_end" AS "bucket_end", "days"."breakdown" AS "breakdown", "days"."value" AS "value", "days"."hits" AS "hits", "days"."pageviews" AS "pageviews", "days"."visitors" AS "visitors", "days"."orders" AS "orders", "days"."revenue_micros" AS "revenue_micros", "days"."load" AS "load", "days"."other_revenue" AS "other_revenue", "days"."other" AS "other", "days"."_src" AS "_src", "days"."_part" AS "_part", "days"."_off_from" AS "_off_from", "days"."_off_to" AS "_off_to", CAST('1' AS BIGINT) AS "_gen"
FROM "days" AS "days"