CREATE OR REPLACE VIEW "lake"."hitlake"."hits" AS
SELECT
  t."merchant",
  t."id",
  t."name",
  t."time",
  t."received",
  t."visitor",
  t."session",
  t."user",
  t."url",
  t."referrer",
  t."title",
  t."revenue_micros",
  t."revenue_currency",
  t."items",
  t."props",
  t."user_agent",
  t."language",
  t."screen",
  t."client_time_zone",
  t."campaign_source",
  t."campaign_medium",
  t."campaign_name",
  t."campaign_term",
  t."campaign_content",
  t."address_prefix",
  t."request_user_agent",
  t."key_kind",
  t."zone",
  t."currency",
  t."path",
  t."source",
  t."country",
  t."device",
  t."bot",
  t."visitor_hash",
  t."revenue_home_micros",
  t."plan",
  t."data_sets",
  t."_src",
  t."_part",
  t."_off",
  t."_idx",
  t."_publish",
  t."_row",
  t."_gen",
  t."client_hints",
  t."browser",
  t."os",
  t."medium",
  t."campaign",
  t."load_bucket"
FROM "lake"."hitlake_tables"."hits" t
WHERE t."_gen" = 1;

CREATE OR REPLACE VIEW "lake"."hitlake"."hourly" AS
SELECT
  merchant,
  bucket,
  breakdown,
  "value",
  other,
  hits,
  pageviews,
  CASE
    WHEN cardinality(hashes) < k THEN cardinality(hashes)
    ELSE greatest(
      k,
      CAST(round(CAST(k - 1 AS double) / ((CAST(element_at(array_sort(hashes), k) AS double) + 1e0) / 9223372036854775808e0)) AS bigint)
    )
  END AS visitors,
  orders,
  CAST(revenue_micros * DECIMAL '0.000001' AS decimal(38,6)) AS revenue
FROM (
  SELECT
    t.merchant,
    t.bucket,
    t.breakdown,
    t."value",
    coalesce(t.other, false) AS other,
    CASE WHEN t.breakdown = 'total' THEN BIGINT '4097' ELSE BIGINT '1025' END AS k,
    coalesce(sum(t.hits), 0) AS hits,
    coalesce(sum(t.pageviews), 0) AS pageviews,
    coalesce(array_distinct(flatten(array_agg(t.visitors) FILTER (WHERE t.visitors IS NOT NULL))), ARRAY[]) AS hashes,
    coalesce(sum(t.orders), 0) AS orders,
    coalesce(sum(t.revenue_micros), 0) AS revenue_micros
  FROM "lake"."hitlake_tables"."hourly" t
  WHERE t."_gen" = 1
  GROUP BY t.merchant, t.bucket, t.breakdown, t."value", coalesce(t.other, false)
);
