WITH "read" AS (
  SELECT epoch_ms("rows"."time") AS "ms", "rows"."merchant" AS "row.merchant", "rows"."visitor_hash" AS "row.visitor_hash", CAST(CAST('0x' || left(sha256("rows"."path"), 16) AS UBIGINT) & CAST('9223372036854775807' AS UBIGINT) AS BIGINT) AS "row.page_hash"
  FROM hits(_gen time path merchant visitor_hash) AS "rows"
  WHERE ("rows"."_gen" = CAST('3' AS BIGINT)) AND ("rows"."time" >= TIMESTAMPTZ '2026-03-29 00:00:00.000+00') AND ("rows"."time" < TIMESTAMPTZ '2026-03-31 01:00:00.000+00')
),
"latest" AS (
  SELECT "ms" AS "ms", "row.merchant" AS "row.merchant", "row.visitor_hash" AS "row.visitor_hash", "row.page_hash" AS "row.page_hash", ((("ms" - CAST('300000' AS BIGINT)) - (("ms" - CAST('300000' AS BIGINT)) % 900000 + 900000) % 900000) // 900000 * CAST('900000' AS BIGINT)) + CAST('300000' AS BIGINT) AS "latest"
  FROM "read" AS "read"
),
"placed" AS (
  SELECT "latest"."ms" AS "ms", "latest"."row.merchant" AS "row.merchant", "latest"."row.visitor_hash" AS "row.visitor_hash", "latest"."row.page_hash" AS "row.page_hash", "latest"."latest" - "hops"."back" AS "window_start", ("latest"."latest" - "hops"."back") + CAST('3600000' AS BIGINT) AS "window_end"
  FROM "latest" AS "latest"
  JOIN (
    SELECT * FROM (VALUES (CAST('0' AS BIGINT)), (CAST('900000' AS BIGINT)), (CAST('1800000' AS BIGINT)), (CAST('2700000' AS BIGINT))) AS "rows"("back")
  ) AS "hops"
  ON (("latest"."latest" - "hops"."back") + CAST('3600000' AS BIGINT)) > "latest"."ms"
),
"windowed" AS (
  SELECT "ms" AS "ms", "row.merchant" AS "row.merchant", "row.visitor_hash" AS "row.visitor_hash", "row.page_hash" AS "row.page_hash", "window_start" AS "window_start", "window_end" AS "window_end"
  FROM "placed" AS "placed"
  WHERE ("window_start" >= CAST('1774742400000' AS BIGINT)) AND ("window_start" < CAST('1774915200000' AS BIGINT))
),
"marked" AS (
  SELECT "ms" AS "ms", "row.merchant" AS "row.merchant", "row.visitor_hash" AS "row.visitor_hash", "row.page_hash" AS "row.page_hash", "window_start" AS "window_start", "window_end" AS "window_end", row_number() OVER (PARTITION BY "row.merchant", "window_start", "window_end", "row.visitor_hash" ORDER BY "ms") AS "place of visitors", row_number() OVER (PARTITION BY "row.merchant", "window_start", "window_end", "row.page_hash" ORDER BY "ms") AS "place of pages"
  FROM "windowed" AS "windowed"
),
"grouped" AS (
  SELECT "row.merchant" AS "row.merchant", "window_start" AS "window_start", "window_end" AS "window_end", list(CASE WHEN ("place of visitors" = CAST('1' AS BIGINT)) AND ("row.visitor_hash" IS NOT NULL) THEN "row.visitor_hash" END) FILTER (WHERE CASE WHEN ("place of visitors" = CAST('1' AS BIGINT)) AND ("row.visitor_hash" IS NOT NULL) THEN "row.visitor_hash" END IS NOT NULL) AS "result of visitors", list(CASE WHEN ("place of pages" = CAST('1' AS BIGINT)) AND ("row.page_hash" IS NOT NULL) THEN "row.page_hash" END) FILTER (WHERE CASE WHEN ("place of pages" = CAST('1' AS BIGINT)) AND ("row.page_hash" IS NOT NULL) THEN "row.page_hash" END IS NOT NULL) AS "result of pages"
  FROM "marked" AS "marked"
  GROUP BY "row.merchant", "window_start", "window_end"
)
SELECT CASE WHEN "row.merchant" IS NOT NULL THEN CAST(to_json(["row.merchant"]) AS VARCHAR) END AS "merchant", CAST(to_json(list_transform(list_sort("result of visitors")[1:1025], lambda each: CAST(each AS VARCHAR))) AS VARCHAR) AS "visitors", CAST(to_json(list_transform(list_sort("result of pages")[1:33], lambda each: CAST(each AS VARCHAR))) AS VARCHAR) AS "pages", CAST(epoch_ms(make_timestamptz(("window_start") * 1000)) AS VARCHAR) AS "from"
FROM "grouped" AS "grouped"