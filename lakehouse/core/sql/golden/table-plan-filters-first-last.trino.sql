WITH "read" AS (
  SELECT date_diff('millisecond', TIMESTAMP '1970-01-01 00:00:00.000 UTC', "rows"."time") AS "ms", "rows"."merchant" AS "row.merchant", "rows"."name" AS "row.name", "rows"."path" AS "row.path", "rows"."time" AS "row.time", "rows"."_part" AS "row._part", "rows"."_off" AS "row._off"
  FROM hits(_gen time received name merchant path _part _off) AS "rows"
  WHERE ("rows"."_gen" = BIGINT '3') AND ("rows"."time" >= TIMESTAMP '2026-03-29 00:00:00.000 UTC') AND ("rows"."time" < TIMESTAMP '2026-04-01 00:00:00.000 UTC') AND (coalesce("rows"."name" = 'page_view', FALSE) = TRUE) AND ((date_diff('millisecond', TIMESTAMP '1970-01-01 00:00:00.000 UTC', "rows"."received") - date_diff('millisecond', TIMESTAMP '1970-01-01 00:00:00.000 UTC', "rows"."time")) = BIGINT '0')
),
"placed" AS (
  SELECT "ms" AS "ms", "row.merchant" AS "row.merchant", "row.name" AS "row.name", "row.path" AS "row.path", "row.time" AS "row.time", "row._part" AS "row._part", "row._off" AS "row._off", ((("ms" - BIGINT '5400000') - (("ms" - BIGINT '5400000') % 86400000 + 86400000) % 86400000) / 86400000 * BIGINT '86400000') + BIGINT '5400000' AS "window_start", (((("ms" - BIGINT '5400000') - (("ms" - BIGINT '5400000') % 86400000 + 86400000) % 86400000) / 86400000 * BIGINT '86400000') + BIGINT '5400000') + BIGINT '86400000' AS "window_end"
  FROM "read" AS "read"
),
"windowed" AS (
  SELECT "ms" AS "ms", "row.merchant" AS "row.merchant", "row.name" AS "row.name", "row.path" AS "row.path", "row.time" AS "row.time", "row._part" AS "row._part", "row._off" AS "row._off", "window_start" AS "window_start", "window_end" AS "window_end"
  FROM "placed" AS "placed"
  WHERE ("window_start" >= BIGINT '1774742400000') AND ("window_start" < BIGINT '1774915200000')
),
"marked" AS (
  SELECT "ms" AS "ms", "row.merchant" AS "row.merchant", "row.name" AS "row.name", "row.path" AS "row.path", "row.time" AS "row.time", "row._part" AS "row._part", "row._off" AS "row._off", "window_start" AS "window_start", "window_end" AS "window_end", rank() OVER (PARTITION BY "row.merchant", "row.name", "window_start", "window_end" ORDER BY "ms", "row._part", "row._off") AS "from_first", rank() OVER (PARTITION BY "row.merchant", "row.name", "window_start", "window_end" ORDER BY "ms" DESC, "row._part" DESC, "row._off" DESC) AS "from_last"
  FROM "windowed" AS "windowed"
),
"grouped" AS (
  SELECT "row.merchant" AS "row.merchant", "row.name" AS "row.name", "window_start" AS "window_start", "window_end" AS "window_end", CASE WHEN count(*) FILTER (WHERE ("from_first" = BIGINT '1') AND ("row.path" IS NULL)) = BIGINT '0' THEN min(CASE WHEN "from_first" = BIGINT '1' THEN "row.path" END) END AS "result of entry", max(CASE WHEN "from_last" = BIGINT '1' THEN "row.path" END) AS "result of exit", min("row.path") AS "result of least", max("row.path") AS "result of most", max(CASE WHEN "from_last" = BIGINT '1' THEN "row.time" END) AS "result of last_at"
  FROM "marked" AS "marked"
  GROUP BY "row.merchant", "row.name", "window_start", "window_end"
)
SELECT CAST(CASE WHEN "row.merchant" IS NOT NULL THEN json_format(CAST(ARRAY["row.merchant"] AS json)) END AS varchar) AS "merchant", CAST(CASE WHEN "row.name" IS NOT NULL THEN json_format(CAST(ARRAY["row.name"] AS json)) END AS varchar) AS "name", CAST(CASE WHEN "result of entry" IS NOT NULL THEN json_format(CAST(ARRAY["result of entry"] AS json)) END AS varchar) AS "entry", CAST(CASE WHEN "result of exit" IS NOT NULL THEN json_format(CAST(ARRAY["result of exit"] AS json)) END AS varchar) AS "exit", CAST(CASE WHEN "result of least" IS NOT NULL THEN json_format(CAST(ARRAY["result of least"] AS json)) END AS varchar) AS "least", CAST(CASE WHEN "result of most" IS NOT NULL THEN json_format(CAST(ARRAY["result of most"] AS json)) END AS varchar) AS "most", CAST(CAST(date_diff('millisecond', TIMESTAMP '1970-01-01 00:00:00.000 UTC', "result of last_at") AS varchar) AS varchar) AS "last_at", CAST(CAST(date_diff('millisecond', TIMESTAMP '1970-01-01 00:00:00.000 UTC', CAST(from_unixtime_nanos(CAST("window_start" AS decimal(38,0)) * 1000000) AS timestamp(3) with time zone)) AS varchar) AS varchar) AS "from"
FROM "grouped" AS "grouped"