WITH "of_units" AS (
  SELECT "rows"."merchant" AS "merchant", "units"."unit_start" AS "bucket", "units"."unit_end" AS "bucket_end", coalesce("rows"."other", FALSE) AS "other", "rows"."breakdown" AS "breakdown", "rows"."value" AS "value", "rows"."hits" AS "hits", "rows"."pageviews" AS "pageviews", "rows"."orders" AS "orders", "rows"."revenue_micros" AS "revenue_micros", "rows"."visitors" AS "visitors", "rows"."load" AS "load", "rows"."other_revenue" AS "other_revenue", "rows"."_src" AS "_src", "rows"."_part" AS "_part", "rows"."_off_from" AS "_off_from", "rows"."_off_to" AS "_off_to"
  FROM hourly(merchant _gen bucket other breakdown value hits pageviews orders revenue_micros visitors load other_revenue _src _part _off_from _off_to) AS "rows"
  JOIN (
    SELECT * FROM (VALUES ('o''brien', TIMESTAMP '2026-03-29 00:00:00.000 UTC', TIMESTAMP '2026-03-30 00:00:00.000 UTC'), ('ship', TIMESTAMP '2026-03-29 00:00:00.000 UTC', TIMESTAMP '2026-03-30 00:00:00.000 UTC')) AS "rows"("merchant", "unit_start", "unit_end")
  ) AS "units"
  ON "rows"."merchant" = "units"."merchant"
  WHERE (("rows"."merchant" >= 'o''brien') AND ("rows"."merchant" <= 'ship') AND ("rows"."_gen" = BIGINT '1') AND ("rows"."bucket" >= TIMESTAMP '2026-03-29 00:00:00.000 UTC') AND ("rows"."bucket" < TIMESTAMP '2026-03-30 00:00:00.000 UTC')) AND (("rows"."bucket" >= "units"."unit_start") AND ("rows"."bucket" < "units"."unit_end"))
),
"gathered" AS (
  SELECT "merchant" AS "merchant", "bucket" AS "bucket", "bucket_end" AS "bucket_end", "breakdown" AS "breakdown", "value" AS "value", "other" AS "other", sum(CAST("hits" AS decimal(38,0))) AS "hits", sum(CAST("pageviews" AS decimal(38,0))) AS "pageviews", sum(CAST("orders" AS decimal(38,0))) AS "orders", sum(CAST("revenue_micros" AS decimal(38,0))) AS "revenue_micros", array_distinct(flatten(array_agg("visitors") FILTER (WHERE "visitors" IS NOT NULL))) AS "visitors", flatten(array_agg("load") FILTER (WHERE "load" IS NOT NULL)) AS "load", flatten(array_agg("other_revenue") FILTER (WHERE "other_revenue" IS NOT NULL)) AS "other_revenue", min("_src") AS "_src", min("_part") AS "_part", min("_off_from") AS "_off_from", max("_off_to") AS "_off_to"
  FROM "of_units" AS "of_units"
  GROUP BY "merchant", "bucket", "bucket_end", "breakdown", "value", "other"
),
"folded" AS (
  SELECT "merchant" AS "merchant", "bucket" AS "bucket", "bucket_end" AS "bucket_end", "breakdown" AS "breakdown", "value" AS "value", "other" AS "other", "hits" AS "hits", "pageviews" AS "pageviews", "orders" AS "orders", "revenue_micros" AS "revenue_micros", "_src" AS "_src", "_part" AS "_part", "_off_from" AS "_off_from", "_off_to" AS "_off_to", CASE WHEN "breakdown" = 'total' THEN slice(array_sort("visitors"), 1, 4097) ELSE slice(array_sort("visitors"), 1, 1025) END AS "visitors", CAST(array_sort(map_entries(transform_values(multimap_from_entries(transform("load", e -> ROW(e[1], e[2]))), (k, v) -> reduce(v, CAST(0 AS decimal(38,0)), (s, x) -> CAST(s + x AS decimal(38,0)), s -> s)))) AS array(row("bucket" integer, "n" bigint))) AS "load", CAST(array_sort(map_entries(transform_values(multimap_from_entries(transform("other_revenue", e -> ROW(e[1], e[2]))), (k, v) -> reduce(v, CAST(0 AS decimal(38,0)), (s, x) -> CAST(s + x AS decimal(38,0)), s -> s)))) AS array(row("currency" varchar, "micros" decimal(38,0)))) AS "other_revenue"
  FROM "gathered" AS "gathered"
),
"ranked" AS (
  SELECT "merchant" AS "merchant", "bucket" AS "bucket", "bucket_end" AS "bucket_end", "breakdown" AS "breakdown", "value" AS "value", "other" AS "other", "hits" AS "hits", "pageviews" AS "pageviews", "orders" AS "orders", "revenue_micros" AS "revenue_micros", "visitors" AS "visitors", "load" AS "load", "other_revenue" AS "other_revenue", "_src" AS "_src", "_part" AS "_part", "_off_from" AS "_off_from", "_off_to" AS "_off_to", row_number() OVER (PARTITION BY "merchant", "bucket", "bucket_end", "breakdown", "other" ORDER BY coalesce("hits", BIGINT '0') DESC, "value") AS "rank"
  FROM "folded" AS "folded"
),
"cut" AS (
  SELECT "merchant" AS "merchant", "bucket" AS "bucket", "bucket_end" AS "bucket_end", "breakdown" AS "breakdown", "hits" AS "hits", "pageviews" AS "pageviews", "orders" AS "orders", "revenue_micros" AS "revenue_micros", "visitors" AS "visitors", "load" AS "load", "other_revenue" AS "other_revenue", "_src" AS "_src", "_part" AS "_part", "_off_from" AS "_off_from", "_off_to" AS "_off_to", CASE WHEN (NOT "other") AND ("rank" <= BIGINT '20') THEN "value" ELSE '' END AS "value", "other" OR ("rank" > BIGINT '20') AS "other"
  FROM "ranked" AS "ranked"
),
"gathered_again" AS (
  SELECT "merchant" AS "merchant", "bucket" AS "bucket", "bucket_end" AS "bucket_end", "breakdown" AS "breakdown", "value" AS "value", "other" AS "other", sum(CAST("hits" AS decimal(38,0))) AS "hits", sum(CAST("pageviews" AS decimal(38,0))) AS "pageviews", sum(CAST("orders" AS decimal(38,0))) AS "orders", sum(CAST("revenue_micros" AS decimal(38,0))) AS "revenue_micros", array_distinct(flatten(array_agg("visitors") FILTER (WHERE "visitors" IS NOT NULL))) AS "visitors", flatten(array_agg("load") FILTER (WHERE "load" IS NOT NULL)) AS "load", flatten(array_agg("other_revenue") FILTER (WHERE "other_revenue" IS NOT NULL)) AS "other_revenue", min("_src") AS "_src", min("_part") AS "_part", min("_off_from") AS "_off_from", max("_off_to") AS "_off_to"
  FROM "cut" AS "cut"
  GROUP BY "merchant", "bucket", "bucket_end", "breakdown", "value", "other"
),
"days" AS (
  SELECT "merchant" AS "merchant", "bucket" AS "bucket", "bucket_end" AS "bucket_end", "breakdown" AS "breakdown", "value" AS "value", "other" AS "other", "hits" AS "hits", "pageviews" AS "pageviews", "orders" AS "orders", "revenue_micros" AS "revenue_micros", "_src" AS "_src", "_part" AS "_part", "_off_from" AS "_off_from", "_off_to" AS "_off_to", CASE WHEN "breakdown" = 'total' THEN slice(array_sort("visitors"), 1, 4097) ELSE slice(array_sort("visitors"), 1, 1025) END AS "visitors", CAST(array_sort(map_entries(transform_values(multimap_from_entries(transform("load", e -> ROW(e[1], e[2]))), (k, v) -> reduce(v, CAST(0 AS decimal(38,0)), (s, x) -> CAST(s + x AS decimal(38,0)), s -> s)))) AS array(row("bucket" integer, "n" bigint))) AS "load", CAST(array_sort(map_entries(transform_values(multimap_from_entries(transform("other_revenue", e -> ROW(e[1], e[2]))), (k, v) -> reduce(v, CAST(0 AS decimal(38,0)), (s, x) -> CAST(s + x AS decimal(38,0)), s -> s)))) AS array(row("currency" varchar, "micros" decimal(38,0)))) AS "other_revenue"
  FROM "gathered_again" AS "gathered_again"
)
SELECT "days"."merchant" AS "merchant", "days"."bucket" AS "bucket", "days"."bucket_end" AS "bucket_end", "days"."breakdown" AS "breakdown", "days"."value" AS "value", "days"."hits" AS "hits", "days"."pageviews" AS "pageviews", "days"."visitors" AS "visitors", "days"."orders" AS "orders", "days"."revenue_micros" AS "revenue_micros", "days"."load" AS "load", "days"."other_revenue" AS "other_revenue", "days"."other" AS "other", "days"."_src" AS "_src", "days"."_part" AS "_part", "days"."_off_from" AS "_off_from", "days"."_off_to" AS "_off_to", BIGINT '1' AS "_gen"
FROM "days" AS "days"