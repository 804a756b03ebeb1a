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
WHERE ("t"."_gen" IN (BIGINT '1', BIGINT '2')) AND ("t"."_gen" = CASE WHEN ("t"."time" >= TIMESTAMP '2026-03-01 00:00:00.000 UTC') AND ("t"."time" < TIMESTAMP '2026-03-02 00:00:00.000 UTC') THEN BIGINT '2' ELSE BIGINT '1' END);

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
  CAST(revenue_micros * DECIMAL '0.000001' AS decimal(38,6)) AS revenue,
  coalesce(transform(array_sort(map_keys(other_revenue)), k -> CAST(ROW(k, CAST(reduce(element_at(other_revenue, k), CAST(0 AS decimal(38,0)), (a, b) -> a + b, a -> a) * DECIMAL '0.000001' AS decimal(38,6))) AS row(currency varchar, amount decimal(38,6)))), ARRAY[]) AS other_revenue,
  reduce(
    load,
    CAST(ROW(0, NULL) AS row(passed bigint, found integer)),
    (s, b) -> CAST(ROW(s.passed + b.n, CASE WHEN s.found IS NULL AND (s.passed + b.n) * 100 >= 50 * reduce(load, BIGINT '0', (a, b) -> a + b.n, a -> a) THEN b.bucket ELSE s.found END) AS row(passed bigint, found integer)),
    s -> CASE WHEN s.found = 0 THEN 0e0 ELSE sign(s.found) * least(power((1.01e0 / 0.99e0), abs(s.found) - 40001) * 1.01e0, 1.7976931348623157e308) END
  ) AS load_p50,
  reduce(
    load,
    CAST(ROW(0, NULL) AS row(passed bigint, found integer)),
    (s, b) -> CAST(ROW(s.passed + b.n, CASE WHEN s.found IS NULL AND (s.passed + b.n) * 100 >= 75 * reduce(load, BIGINT '0', (a, b) -> a + b.n, a -> a) THEN b.bucket ELSE s.found END) AS row(passed bigint, found integer)),
    s -> CASE WHEN s.found = 0 THEN 0e0 ELSE sign(s.found) * least(power((1.01e0 / 0.99e0), abs(s.found) - 40001) * 1.01e0, 1.7976931348623157e308) END
  ) AS load_p75,
  reduce(
    load,
    CAST(ROW(0, NULL) AS row(passed bigint, found integer)),
    (s, b) -> CAST(ROW(s.passed + b.n, CASE WHEN s.found IS NULL AND (s.passed + b.n) * 100 >= 95 * reduce(load, BIGINT '0', (a, b) -> a + b.n, a -> a) THEN b.bucket ELSE s.found END) AS row(passed bigint, found integer)),
    s -> CASE WHEN s.found = 0 THEN 0e0 ELSE sign(s.found) * least(power((1.01e0 / 0.99e0), abs(s.found) - 40001) * 1.01e0, 1.7976931348623157e308) END
  ) AS load_p95,
  reduce(
    load,
    CAST(ROW(0, NULL) AS row(passed bigint, found integer)),
    (s, b) -> CAST(ROW(s.passed + b.n, CASE WHEN s.found IS NULL AND (s.passed + b.n) * 100 >= 99 * reduce(load, BIGINT '0', (a, b) -> a + b.n, a -> a) THEN b.bucket ELSE s.found END) AS row(passed bigint, found integer)),
    s -> CASE WHEN s.found = 0 THEN 0e0 ELSE sign(s.found) * least(power((1.01e0 / 0.99e0), abs(s.found) - 40001) * 1.01e0, 1.7976931348623157e308) END
  ) AS load_p99
FROM (
  SELECT s.*, coalesce(transform(array_sort(map_keys(loads)), k -> CAST(ROW(k, reduce(element_at(loads, k), CAST(0 AS bigint), (a, b) -> a + b, a -> a)) AS row(bucket integer, n bigint))), ARRAY[]) AS load
  FROM (
    SELECT
      r.merchant,
      r.bucket,
      r.breakdown,
      r."value",
      coalesce(r.other, false) AS other,
      CASE WHEN r.breakdown = 'total' THEN BIGINT '4097' ELSE BIGINT '1025' END AS k,
      coalesce(sum(r.hits), 0) AS hits,
      coalesce(sum(r.pageviews), 0) AS pageviews,
      coalesce(array_distinct(flatten(array_agg(r.visitors) FILTER (WHERE r.visitors IS NOT NULL))), ARRAY[]) AS hashes,
      coalesce(sum(r.orders), 0) AS orders,
      coalesce(sum(r.revenue_micros), 0) AS revenue_micros,
      multimap_from_entries(flatten(array_agg(r.load) FILTER (WHERE r.load IS NOT NULL))) AS loads,
      multimap_from_entries(flatten(array_agg(r.other_revenue) FILTER (WHERE r.other_revenue IS NOT NULL))) AS other_revenue
    FROM (
    SELECT t.* FROM "lake"."hitlake_tables"."hourly" t WHERE ("t"."_gen" IN (BIGINT '1', BIGINT '3', BIGINT '4')) AND ("t"."_gen" = CASE WHEN ("t"."merchant" = 'o''brien') THEN BIGINT '4' WHEN ("t"."bucket" >= TIMESTAMP '2026-03-01 00:00:00.000 UTC') THEN BIGINT '3' ELSE BIGINT '1' END)
    ) r
    GROUP BY r.merchant, r.bucket, r.breakdown, r."value", coalesce(r.other, false)
  ) s
);

CREATE OR REPLACE VIEW "lake"."hitlake"."daily" AS
SELECT
  merchant,
  bucket,
  bucket_end,
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
  CAST(revenue_micros * DECIMAL '0.000001' AS decimal(38,6)) AS revenue,
  coalesce(transform(array_sort(map_keys(other_revenue)), k -> CAST(ROW(k, CAST(reduce(element_at(other_revenue, k), CAST(0 AS decimal(38,0)), (a, b) -> a + b, a -> a) * DECIMAL '0.000001' AS decimal(38,6))) AS row(currency varchar, amount decimal(38,6)))), ARRAY[]) AS other_revenue,
  reduce(
    load,
    CAST(ROW(0, NULL) AS row(passed bigint, found integer)),
    (s, b) -> CAST(ROW(s.passed + b.n, CASE WHEN s.found IS NULL AND (s.passed + b.n) * 100 >= 50 * reduce(load, BIGINT '0', (a, b) -> a + b.n, a -> a) THEN b.bucket ELSE s.found END) AS row(passed bigint, found integer)),
    s -> CASE WHEN s.found = 0 THEN 0e0 ELSE sign(s.found) * least(power((1.01e0 / 0.99e0), abs(s.found) - 40001) * 1.01e0, 1.7976931348623157e308) END
  ) AS load_p50,
  reduce(
    load,
    CAST(ROW(0, NULL) AS row(passed bigint, found integer)),
    (s, b) -> CAST(ROW(s.passed + b.n, CASE WHEN s.found IS NULL AND (s.passed + b.n) * 100 >= 75 * reduce(load, BIGINT '0', (a, b) -> a + b.n, a -> a) THEN b.bucket ELSE s.found END) AS row(passed bigint, found integer)),
    s -> CASE WHEN s.found = 0 THEN 0e0 ELSE sign(s.found) * least(power((1.01e0 / 0.99e0), abs(s.found) - 40001) * 1.01e0, 1.7976931348623157e308) END
  ) AS load_p75,
  reduce(
    load,
    CAST(ROW(0, NULL) AS row(passed bigint, found integer)),
    (s, b) -> CAST(ROW(s.passed + b.n, CASE WHEN s.found IS NULL AND (s.passed + b.n) * 100 >= 95 * reduce(load, BIGINT '0', (a, b) -> a + b.n, a -> a) THEN b.bucket ELSE s.found END) AS row(passed bigint, found integer)),
    s -> CASE WHEN s.found = 0 THEN 0e0 ELSE sign(s.found) * least(power((1.01e0 / 0.99e0), abs(s.found) - 40001) * 1.01e0, 1.7976931348623157e308) END
  ) AS load_p95,
  reduce(
    load,
    CAST(ROW(0, NULL) AS row(passed bigint, found integer)),
    (s, b) -> CAST(ROW(s.passed + b.n, CASE WHEN s.found IS NULL AND (s.passed + b.n) * 100 >= 99 * reduce(load, BIGINT '0', (a, b) -> a + b.n, a -> a) THEN b.bucket ELSE s.found END) AS row(passed bigint, found integer)),
    s -> CASE WHEN s.found = 0 THEN 0e0 ELSE sign(s.found) * least(power((1.01e0 / 0.99e0), abs(s.found) - 40001) * 1.01e0, 1.7976931348623157e308) END
  ) AS load_p99
FROM (
  SELECT s.*, coalesce(transform(array_sort(map_keys(loads)), k -> CAST(ROW(k, reduce(element_at(loads, k), CAST(0 AS bigint), (a, b) -> a + b, a -> a)) AS row(bucket integer, n bigint))), ARRAY[]) AS load
  FROM (
    SELECT
      r.merchant,
      r.bucket,
      r.bucket_end,
      r.breakdown,
      r."value",
      coalesce(r.other, false) AS other,
      CASE WHEN r.breakdown = 'total' THEN BIGINT '4097' ELSE BIGINT '1025' END AS k,
      coalesce(sum(r.hits), 0) AS hits,
      coalesce(sum(r.pageviews), 0) AS pageviews,
      coalesce(array_distinct(flatten(array_agg(r.visitors) FILTER (WHERE r.visitors IS NOT NULL))), ARRAY[]) AS hashes,
      coalesce(sum(r.orders), 0) AS orders,
      coalesce(sum(r.revenue_micros), 0) AS revenue_micros,
      multimap_from_entries(flatten(array_agg(r.load) FILTER (WHERE r.load IS NOT NULL))) AS loads,
      multimap_from_entries(flatten(array_agg(r.other_revenue) FILTER (WHERE r.other_revenue IS NOT NULL))) AS other_revenue
    FROM (
    SELECT * FROM (
      SELECT t.*, max(t."_publish") OVER (PARTITION BY t.merchant, t.bucket) AS newest
      FROM "lake"."hitlake_tables"."daily" t
      WHERE ("t"."_gen" IN (BIGINT '1', BIGINT '3', BIGINT '4')) AND ("t"."_gen" = CASE WHEN ("t"."merchant" = 'o''brien') THEN BIGINT '4' WHEN ("t"."bucket" >= TIMESTAMP '2026-03-01 00:00:00.000 UTC') THEN BIGINT '3' ELSE BIGINT '1' END)
    ) WHERE "_publish" = newest
    ) r
    GROUP BY r.merchant, r.bucket, r.bucket_end, r.breakdown, r."value", coalesce(r.other, false)
  ) s
);

CREATE OR REPLACE VIEW "lake"."hitlake"."sessions" AS
SELECT
  t."merchant",
  t."start",
  t."end",
  t."visitor",
  t."session",
  t."hits",
  t."pageviews",
  t."orders",
  t."revenue_micros",
  t."bounce",
  t."duration_ms",
  t."name",
  t."page",
  t."exit_page",
  t."source",
  t."country",
  t."device",
  t."browser",
  t."campaign",
  t."_src",
  t."_part",
  t."_off",
  t."_idx",
  t."_publish",
  t."_row",
  t."_gen"
FROM "lake"."hitlake_tables"."sessions" t
JOIN (
  SELECT t.merchant, CAST(t."start" AT TIME ZONE 'UTC' AS date) AS day, max(t."_publish") AS newest
  FROM "lake"."hitlake_tables"."sessions" t
  WHERE ("t"."_gen" IN (BIGINT '1', BIGINT '2')) AND ("t"."_gen" = CASE WHEN ("t"."start" >= TIMESTAMP '2026-03-01 00:00:00.000 UTC') AND ("t"."start" < TIMESTAMP '2026-03-02 00:00:00.000 UTC') THEN BIGINT '2' ELSE BIGINT '1' END)
  GROUP BY 1, 2
) d ON t.merchant = d.merchant AND CAST(t."start" AT TIME ZONE 'UTC' AS date) = d.day AND t."_publish" = d.newest
WHERE ("t"."_gen" IN (BIGINT '1', BIGINT '2')) AND ("t"."_gen" = CASE WHEN ("t"."start" >= TIMESTAMP '2026-03-01 00:00:00.000 UTC') AND ("t"."start" < TIMESTAMP '2026-03-02 00:00:00.000 UTC') THEN BIGINT '2' ELSE BIGINT '1' END);
