WITH "read" AS (
  SELECT date_diff('millisecond', TIMESTAMP '1970-01-01 00:00:00.000 UTC', "rows"."time") AS "ms", "rows"."merchant" AS "row.merchant", "rows"."visitor_hash" AS "row.visitor_hash", bitwise_and(from_big_endian_64(substr(sha256(to_utf8("rows"."path")), 1, 8)), BIGINT '9223372036854775807') AS "row.page_hash"
  FROM hits(_gen time path merchant visitor_hash) AS "rows"
  WHERE ("rows"."_gen" = BIGINT '3') AND ("rows"."time" >= TIMESTAMP '2026-03-29 00:00:00.000 UTC') AND ("rows"."time" < TIMESTAMP '2026-03-31 01:00:00.000 UTC')
),
"latest" AS (
  SELECT "ms" AS "ms", "row.merchant" AS "row.merchant", "row.visitor_hash" AS "row.visitor_hash", "row.page_hash" AS "row.page_hash", ((("ms" - BIGINT '300000') - (("ms" - BIGINT '300000') % 900000 + 900000) % 900000) / 900000 * BIGINT '900000') + BIGINT '300000' AS "latest"
  FROM "read" AS "read"
),
"placed" AS (
  SELECT "latest"."ms" AS "ms", "latest"."row.merchant" AS "row.merchant", "latest"."row.visitor_hash" AS "row.visitor_hash", "latest"."row.page_hash" AS "row.page_hash", "latest"."latest" - "hops"."back" AS "window_start", ("latest"."latest" - "hops"."back") + BIGINT '3600000' AS "window_end"
  FROM "latest" AS "latest"
  JOIN (
    SELECT * FROM (VALUES (BIGINT '0'), (BIGINT '900000'), (BIGINT '1800000'), (BIGINT '2700000')) AS "rows"("back")
  ) AS "hops"
  ON (("latest"."latest" - "hops"."back") + BIGINT '3600000') > "latest"."ms"
),
"windowed" AS (
  SELECT "ms" AS "ms", "row.merchant" AS "row.merchant", "row.visitor_hash" AS "row.visitor_hash", "row.page_hash" AS "row.page_hash", "window_start" AS "window_start", "window_end" AS "window_end"
  FROM "placed" AS "placed"
  WHERE ("window_start" >= BIGINT '1774742400000') AND ("window_start" < BIGINT '1774915200000')
),
"marked" AS (
  SELECT "ms" AS "ms", "row.merchant" AS "row.merchant", "row.visitor_hash" AS "row.visitor_hash", "row.page_hash" AS "row.page_hash", "window_start" AS "window_start", "window_end" AS "window_end", row_number() OVER (PARTITION BY "row.merchant", "window_start", "window_end", "row.visitor_hash" ORDER BY "ms") AS "place of visitors", row_number() OVER (PARTITION BY "row.merchant", "window_start", "window_end", "row.page_hash" ORDER BY "ms") AS "place of pages"
  FROM "windowed" AS "windowed"
),
"grouped" AS (
  SELECT "row.merchant" AS "row.merchant", "window_start" AS "window_start", "window_end" AS "window_end", array_agg(CASE WHEN ("place of visitors" = BIGINT '1') AND ("row.visitor_hash" IS NOT NULL) THEN "row.visitor_hash" END) FILTER (WHERE CASE WHEN ("place of visitors" = BIGINT '1') AND ("row.visitor_hash" IS NOT NULL) THEN "row.visitor_hash" END IS NOT NULL) AS "result of visitors", array_agg(CASE WHEN ("place of pages" = BIGINT '1') AND ("row.page_hash" IS NOT NULL) THEN "row.page_hash" END) FILTER (WHERE CASE WHEN ("place of pages" = BIGINT '1') AND ("row.page_hash" IS NOT NULL) THEN "row.page_hash" END IS NOT NULL) AS "result of pages"
  FROM "marked" AS "marked"
  GROUP BY "row.merchant", "window_start", "window_end"
)
SELECT CAST(CASE WHEN "row.merchant" IS NOT NULL THEN json_format(CAST(ARRAY["row.merchant"] AS json)) END AS varchar) AS "merchant", CAST(json_format(CAST(transform(slice(array_sort("result of visitors"), 1, 1025), e -> CAST(e AS varchar)) AS json)) AS varchar) AS "visitors", CAST(json_format(CAST(transform(slice(array_sort("result of pages"), 1, 33), e -> CAST(e AS varchar)) AS json)) AS varchar) AS "pages", CAST(CAST(date_diff('millisecond', TIMESTAMP '1970-01-01 00:00:00.000 UTC', CAST(from_unixtime_nanos(CAST("window_start" AS decimal(38,0)) * 1000000) AS timestamp(3) with time zone)) AS varchar) AS varchar) AS "from"
FROM "grouped" AS "grouped"