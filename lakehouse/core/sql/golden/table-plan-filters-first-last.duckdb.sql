WITH "read" AS (
  SELECT epoch_ms("rows"."time") AS "ms", "rows"."merchant" AS "row.merchant", "rows"."name" AS "row.name", "rows"."path" AS "row.path", "rows"."time" AS "row.time", "rows"."_part" AS "row._part", "rows"."_off" AS "row._off"
  FROM hits(_gen time received name merchant path _part _off) AS "rows"
  WHERE ("rows"."_gen" = CAST('3' AS BIGINT)) AND ("rows"."time" >= TIMESTAMPTZ '2026-03-29 00:00:00.000+00') AND ("rows"."time" < TIMESTAMPTZ '2026-04-01 00:00:00.000+00') AND (coalesce("rows"."name" = 'page_view', FALSE) = TRUE) AND ((epoch_ms("rows"."received") - epoch_ms("rows"."time")) = CAST('0' AS BIGINT))
),
"placed" AS (
  SELECT "ms" AS "ms", "row.merchant" AS "row.merchant", "row.name" AS "row.name", "row.path" AS "row.path", "row.time" AS "row.time", "row._part" AS "row._part", "row._off" AS "row._off", ((("ms" - CAST('5400000' AS BIGINT)) - (("ms" - CAST('5400000' AS BIGINT)) % 86400000 + 86400000) % 86400000) // 86400000 * CAST('86400000' AS BIGINT)) + CAST('5400000' AS BIGINT) AS "window_start", (((("ms" - CAST('5400000' AS BIGINT)) - (("ms" - CAST('5400000' AS BIGINT)) % 86400000 + 86400000) % 86400000) // 86400000 * CAST('86400000' AS BIGINT)) + CAST('5400000' AS BIGINT)) + CAST('86400000' AS BIGINT) AS "window_end"
  FROM "read" AS "read"
),
"windowed" AS (
  SELECT "ms" AS "ms", "row.merchant" AS "row.merchant", "row.name" AS "row.name", "row.path" AS "row.path", "row.time" AS "row.time", "row._part" AS "row._part", "row._off" AS "row._off", "window_start" AS "window_start", "window_end" AS "window_end"
  FROM "placed" AS "placed"
  WHERE ("window_start" >= CAST('1774742400000' AS BIGINT)) AND ("window_start" < CAST('1774915200000' AS BIGINT))
),
"marked" AS (
  SELECT "ms" AS "ms", "row.merchant" AS "row.merchant", "row.name" AS "row.name", "row.path" AS "row.path", "row.time" AS "row.time", "row._part" AS "row._part", "row._off" AS "row._off", "window_start" AS "window_start", "window_end" AS "window_end", rank() OVER (PARTITION BY "row.merchant", "row.name", "window_start", "window_end" ORDER BY "ms", "row._part", "row._off") AS "from_first", rank() OVER (PARTITION BY "row.merchant", "row.name", "window_start", "window_end" ORDER BY "ms" DESC, "row._part" DESC, "row._off" DESC) AS "from_last"
  FROM "windowed" AS "windowed"
),
"grouped" AS (
  SELECT "row.merchant" AS "row.merchant", "row.name" AS "row.name", "window_start" AS "window_start", "window_end" AS "window_end", CASE WHEN count(*) FILTER (WHERE ("from_first" = CAST('1' AS BIGINT)) AND ("row.path" IS NULL)) = CAST('0' AS BIGINT) THEN min(CASE WHEN "from_first" = CAST('1' AS BIGINT) THEN "row.path" END) END AS "result of entry", max(CASE WHEN "from_last" = CAST('1' AS BIGINT) THEN "row.path" END) AS "result of exit", min("row.path") AS "result of least", max("row.path") AS "result of most", max(CASE WHEN "from_last" = CAST('1' AS BIGINT) THEN "row.time" END) AS "result of last_at"
  FROM "marked" AS "marked"
  GROUP BY "row.merchant", "row.name", "window_start", "window_end"
)
SELECT CASE WHEN "row.merchant" IS NOT NULL THEN CAST(to_json(["row.merchant"]) AS VARCHAR) END AS "merchant", CASE WHEN "row.name" IS NOT NULL THEN CAST(to_json(["row.name"]) AS VARCHAR) END AS "name", CASE WHEN "result of entry" IS NOT NULL THEN CAST(to_json(["result of entry"]) AS VARCHAR) END AS "entry", CASE WHEN "result of exit" IS NOT NULL THEN CAST(to_json(["result of exit"]) AS VARCHAR) END AS "exit", CASE WHEN "result of least" IS NOT NULL THEN CAST(to_json(["result of least"]) AS VARCHAR) END AS "least", CASE WHEN "result of most" IS NOT NULL THEN CAST(to_json(["result of most"]) AS VARCHAR) END AS "most", CAST(epoch_ms("result of last_at") AS VARCHAR) AS "last_at", CAST(epoch_ms(make_timestamptz(("window_start") * 1000)) AS VARCHAR) AS "from"
FROM "grouped" AS "grouped"