WITH "sums" AS (
  SELECT "rows"."bucket" AS "bucket", "rows"."d0" AS "d0", "rows"."d1" AS "d1", count(*) AS "hits", count(*) FILTER (WHERE "rows"."name" = 'page_view') AS "pageviews", count(*) FILTER (WHERE "rows"."name" = 'purchase') AS "orders", coalesce(sum(CAST("rows"."revenue" AS decimal(38,0))), BIGINT '0') AS "revenue", array_agg("rows"."foreign") FILTER (WHERE "rows"."foreign" IS NOT NULL) AS "other_revenue"
  FROM (
    SELECT "pieces"."bucket" AS "bucket", coalesce("stored"."country", '') AS "d0", CASE WHEN strpos("stored"."props", '"size":') > 0 THEN coalesce(element_at(transform(ARRAY[element_at(map(regexp_extract_all("stored"."props", '("(?:[^"\\]|\\.)*"):("(?:[^"\\]|\\.)*"|[^,}]*)', 1), regexp_extract_all("stored"."props", '("(?:[^"\\]|\\.)*"):("(?:[^"\\]|\\.)*"|[^,}]*)', 2)), '"size"')], t -> CASE WHEN t = 'null' THEN '' WHEN starts_with(t, '"') THEN CAST(json_parse(t) AS varchar) ELSE t END), 1), '') ELSE '' END AS "d1", "stored"."name" AS "name", "stored"."revenue_home_micros" AS "revenue", CASE WHEN ("stored"."revenue_currency" IS NOT NULL) AND ("stored"."revenue_currency" <> coalesce("stored"."currency", '')) THEN CAST(ROW("stored"."revenue_currency", coalesce("stored"."revenue_micros", BIGINT '0')) AS row("currency" varchar, "micros" decimal(38,0))) END AS "foreign"
    FROM files_of_hits(merchant, _gen, time, bot, country, props, os, name, revenue_home_micros, revenue_currency, revenue_micros, currency) AS "stored"
    CROSS JOIN LATERAL (SELECT "range", element_at(CAST(JSON '[null,0,1]' AS array(bigint)), "range" + 1) AS "bucket" FROM (SELECT width_bucket(CAST(date_diff('millisecond', TIMESTAMP '1970-01-01 00:00:00.000 UTC', "stored"."time") AS double), CAST(JSON '[1774742400000,1774749600000]' AS array(double))) AS "range")) AS "pieces"
    WHERE date_diff('millisecond', TIMESTAMP '1970-01-01 00:00:00.000 UTC', "stored"."time") < element_at(CAST(JSON '[-9007199254740991,1774746000000,1774751400000]' AS array(bigint)), "pieces"."range" + 1) AND (("stored"."merchant" = 'o''brien') AND ("stored"."_gen" = BIGINT '3') AND ("stored"."time" >= TIMESTAMP '2026-03-29 00:00:00.000 UTC') AND ("stored"."time" < TIMESTAMP '2026-03-29 02:30:00.000 UTC')) AND ((NOT (coalesce("stored"."os", '') IN ('', 'Android'))) OR (NOT (coalesce(CAST("stored"."bot" AS varchar), '') IN ('true'))))
  ) AS "rows"
  GROUP BY "rows"."bucket", "rows"."d0", "rows"."d1"
),
"counted_loads" AS (
  SELECT "rows"."bucket" AS "bucket", "rows"."d0" AS "d0", "rows"."d1" AS "d1", "rows"."load_bucket" AS "load_bucket", count(*) AS "n"
  FROM (
    SELECT "pieces"."bucket" AS "bucket", coalesce("stored"."country", '') AS "d0", CASE WHEN strpos("stored"."props", '"size":') > 0 THEN coalesce(element_at(transform(ARRAY[element_at(map(regexp_extract_all("stored"."props", '("(?:[^"\\]|\\.)*"):("(?:[^"\\]|\\.)*"|[^,}]*)', 1), regexp_extract_all("stored"."props", '("(?:[^"\\]|\\.)*"):("(?:[^"\\]|\\.)*"|[^,}]*)', 2)), '"size"')], t -> CASE WHEN t = 'null' THEN '' WHEN starts_with(t, '"') THEN CAST(json_parse(t) AS varchar) ELSE t END), 1), '') ELSE '' END AS "d1", "stored"."load_bucket" AS "load_bucket"
    FROM files_of_hits(merchant, _gen, time, bot, country, props, os, load_bucket) AS "stored"
    CROSS JOIN LATERAL (SELECT "range", element_at(CAST(JSON '[null,0,1]' AS array(bigint)), "range" + 1) AS "bucket" FROM (SELECT width_bucket(CAST(date_diff('millisecond', TIMESTAMP '1970-01-01 00:00:00.000 UTC', "stored"."time") AS double), CAST(JSON '[1774742400000,1774749600000]' AS array(double))) AS "range")) AS "pieces"
    WHERE date_diff('millisecond', TIMESTAMP '1970-01-01 00:00:00.000 UTC', "stored"."time") < element_at(CAST(JSON '[-9007199254740991,1774746000000,1774751400000]' AS array(bigint)), "pieces"."range" + 1) AND (("stored"."merchant" = 'o''brien') AND ("stored"."_gen" = BIGINT '3') AND ("stored"."time" >= TIMESTAMP '2026-03-29 00:00:00.000 UTC') AND ("stored"."time" < TIMESTAMP '2026-03-29 02:30:00.000 UTC')) AND ((NOT (coalesce("stored"."os", '') IN ('', 'Android'))) OR (NOT (coalesce(CAST("stored"."bot" AS varchar), '') IN ('true'))))
  ) AS "rows"
  WHERE "rows"."load_bucket" IS NOT NULL
  GROUP BY "rows"."bucket", "rows"."d0", "rows"."d1", "rows"."load_bucket"
),
"loads" AS (
  SELECT "rows"."bucket" AS "bucket", "rows"."d0" AS "d0", "rows"."d1" AS "d1", array_agg(CAST(ROW("rows"."load_bucket", "rows"."n") AS row("bucket" integer, "n" bigint))) FILTER (WHERE CAST(ROW("rows"."load_bucket", "rows"."n") AS row("bucket" integer, "n" bigint)) IS NOT NULL) AS "load"
  FROM "counted_loads" AS "rows"
  GROUP BY "rows"."bucket", "rows"."d0", "rows"."d1"
)
SELECT CAST("sums"."bucket" AS varchar) AS "bucket", CAST(json_format(CAST(ARRAY["sums"."d0", "sums"."d1"] AS json)) AS varchar) AS "values", CAST("sums"."hits" AS varchar) AS "hits", CAST("sums"."pageviews" AS varchar) AS "pageviews", CAST("sums"."orders" AS varchar) AS "orders", CAST("sums"."revenue" AS varchar) AS "revenue", CAST(json_format(CAST(transform(CAST(array_sort(map_entries(transform_values(multimap_from_entries(transform("loads"."load", e -> ROW(e[1], e[2]))), (k, v) -> reduce(v, CAST(0 AS decimal(38,0)), (s, x) -> CAST(s + x AS decimal(38,0)), s -> s)))) AS array(row("bucket" integer, "n" bigint))), e -> ARRAY[CAST(e[1] AS varchar), CAST(e[2] AS varchar)]) AS json)) AS varchar) AS "load", CAST(json_format(CAST(transform(CAST(array_sort(map_entries(transform_values(multimap_from_entries(transform("sums"."other_revenue", e -> ROW(e[1], e[2]))), (k, v) -> reduce(v, CAST(0 AS decimal(38,0)), (s, x) -> CAST(s + x AS decimal(38,0)), s -> s)))) AS array(row("currency" varchar, "micros" decimal(38,0)))), e -> ARRAY[CAST(e[1] AS varchar), CAST(e[2] AS varchar)]) AS json)) AS varchar) AS "other_revenue"
FROM "sums" AS "sums"
LEFT JOIN "loads" AS "loads"
ON ("sums"."bucket" = "loads"."bucket") AND ("sums"."d0" = "loads"."d0") AND ("sums"."d1" = "loads"."d1")
LIMIT 20001
