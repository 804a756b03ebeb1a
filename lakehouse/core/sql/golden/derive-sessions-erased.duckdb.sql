WITH "line_hits" AS (
  SELECT "rows"."merchant" AS "merchant", "rows"."time" AS "time", coalesce("rows"."visitor", '') AS "visitor", coalesce("rows"."session", '') AS "session", coalesce("rows"."name", '') AS "name", coalesce("rows"."path", '') AS "path", coalesce("rows"."source", '') AS "source", coalesce("rows"."country", '') AS "country", coalesce("rows"."device", '') AS "device", coalesce("rows"."browser", '') AS "browser", coalesce("rows"."campaign", '') AS "campaign", "rows"."revenue_home_micros" AS "revenue", "rows"."_part" AS "_part", "rows"."_off" AS "_off", "rows"."_idx" AS "_idx", "rows"."_src" AS "_src"
  FROM hits(merchant _gen time bot revenue_home_micros visitor session name path source country device browser campaign _part _off _idx _src received user) AS "rows"
  JOIN (
    SELECT * FROM (VALUES ('o''brien'), ('ship')) AS "rows"("merchant")
  ) AS "merchants"
  ON "rows"."merchant" = "merchants"."merchant"
  WHERE (("rows"."merchant" >= 'o''brien') AND ("rows"."merchant" <= 'ship') AND ("rows"."_gen" = CAST('1' AS BIGINT)) AND ("rows"."time" >= TIMESTAMPTZ '2026-03-27 00:00:00.000+00') AND ("rows"."time" < TIMESTAMPTZ '2026-03-31 00:00:00.000+00')) AND ((("rows"."time" >= TIMESTAMPTZ '2026-03-27 00:00:00.000+00') AND ("rows"."time" < TIMESTAMPTZ '2026-03-31 00:00:00.000+00'))) AND coalesce(epoch_ms("rows"."received") > CASE "rows"."merchant" WHEN 'o''brien' THEN CASE "rows"."visitor" WHEN 'v' THEN 1774742400000 END END, TRUE) AND (NOT coalesce("rows"."bot", FALSE))
),
"timed" AS (
  SELECT "merchant" AS "merchant", "visitor" AS "visitor", "session" AS "session", "time" AS "time", "_part" AS "_part", "_off" AS "_off", "_idx" AS "_idx", "_src" AS "_src", "name" AS "name", "path" AS "path", "source" AS "source", "country" AS "country", "device" AS "device", "browser" AS "browser", "campaign" AS "campaign", "revenue" AS "revenue", epoch_ms("time") AS "ms"
  FROM "line_hits" AS "line_hits"
),
"placed" AS (
  SELECT "merchant" AS "merchant", "visitor" AS "visitor", "session" AS "session", "time" AS "time", "ms" AS "ms", "name" AS "name", "path" AS "path", "source" AS "source", "country" AS "country", "device" AS "device", "browser" AS "browser", "campaign" AS "campaign", "revenue" AS "revenue", "_part" AS "_part", "_off" AS "_off", "_idx" AS "_idx", "_src" AS "_src", (("ms") - (("ms") % 86400000 + 86400000) % 86400000) // 86400000 AS "day", row_number() OVER (PARTITION BY "merchant", "visitor", "session" ORDER BY "ms", "_part", "_off", "_idx", "_src") AS "place", lag("ms") OVER (PARTITION BY "merchant", "visitor", "session" ORDER BY "ms", "_part", "_off", "_idx", "_src") AS "before"
  FROM "timed" AS "timed"
),
"paused" AS (
  SELECT "merchant" AS "merchant", "visitor" AS "visitor", "session" AS "session", "time" AS "time", "ms" AS "ms", "name" AS "name", "path" AS "path", "source" AS "source", "country" AS "country", "device" AS "device", "browser" AS "browser", "campaign" AS "campaign", "revenue" AS "revenue", "_part" AS "_part", "_off" AS "_off", "_idx" AS "_idx", "_src" AS "_src", "day" AS "day", "place" AS "place", CASE WHEN ("before" IS NULL) OR (("session" = '') AND (("ms" - "before") >= CAST('1800000' AS BIGINT))) OR (("session" <> '') AND (("ms" - "before") >= CAST('86400000' AS BIGINT))) THEN CAST('1' AS BIGINT) ELSE CAST('0' AS BIGINT) END AS "pause"
  FROM "placed" AS "placed"
),
"dayed" AS (
  SELECT "merchant" AS "merchant", "visitor" AS "visitor", "session" AS "session", "time" AS "time", "ms" AS "ms", "name" AS "name", "path" AS "path", "source" AS "source", "country" AS "country", "device" AS "device", "browser" AS "browser", "campaign" AS "campaign", "revenue" AS "revenue", "_part" AS "_part", "_off" AS "_off", "_idx" AS "_idx", "_src" AS "_src", "day" AS "day", "place" AS "place", "pause" AS "pause", max("pause") OVER (PARTITION BY "merchant", "visitor", "session", "day") AS "day_pauses"
  FROM "paused" AS "paused"
),
"followed" AS (
  SELECT "merchant" AS "merchant", "visitor" AS "visitor", "session" AS "session", "time" AS "time", "ms" AS "ms", "name" AS "name", "path" AS "path", "source" AS "source", "country" AS "country", "device" AS "device", "browser" AS "browser", "campaign" AS "campaign", "revenue" AS "revenue", "_part" AS "_part", "_off" AS "_off", "_idx" AS "_idx", "_src" AS "_src", "day" AS "day", "place" AS "place", "pause" AS "pause", lag("day") OVER (PARTITION BY "merchant", "visitor", "session" ORDER BY "place") AS "day_before", lag("day_pauses") OVER (PARTITION BY "merchant", "visitor", "session" ORDER BY "place") AS "pauses_before"
  FROM "dayed" AS "dayed"
),
"broken" AS (
  SELECT "merchant" AS "merchant", "visitor" AS "visitor", "session" AS "session", "time" AS "time", "ms" AS "ms", "name" AS "name", "path" AS "path", "source" AS "source", "country" AS "country", "device" AS "device", "browser" AS "browser", "campaign" AS "campaign", "revenue" AS "revenue", "_part" AS "_part", "_off" AS "_off", "_idx" AS "_idx", "_src" AS "_src", "place" AS "place", CASE WHEN "pause" = CAST('1' AS BIGINT) THEN "ms" WHEN ("day_before" < "day") AND ("pauses_before" = CAST('0' AS BIGINT)) THEN "ms" END AS "break"
  FROM "followed" AS "followed"
),
"anchored" AS (
  SELECT "merchant" AS "merchant", "visitor" AS "visitor", "session" AS "session", "time" AS "time", "ms" AS "ms", "name" AS "name", "path" AS "path", "source" AS "source", "country" AS "country", "device" AS "device", "browser" AS "browser", "campaign" AS "campaign", "revenue" AS "revenue", "_part" AS "_part", "_off" AS "_off", "_idx" AS "_idx", "_src" AS "_src", "place" AS "place", max("break") OVER (PARTITION BY "merchant", "visitor", "session" ORDER BY "place" ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS "anchor"
  FROM "broken" AS "broken"
),
"sliced" AS (
  SELECT "merchant" AS "merchant", "visitor" AS "visitor", "session" AS "session", "time" AS "time", "ms" AS "ms", "name" AS "name", "path" AS "path", "source" AS "source", "country" AS "country", "device" AS "device", "browser" AS "browser", "campaign" AS "campaign", "revenue" AS "revenue", "_part" AS "_part", "_off" AS "_off", "_idx" AS "_idx", "_src" AS "_src", "place" AS "place", "anchor" AS "anchor", (("ms" - "anchor") - (("ms" - "anchor") % 86400000 + 86400000) % 86400000) // 86400000 AS "slice"
  FROM "anchored" AS "anchored"
),
"visits" AS (
  SELECT "merchant" AS "merchant", "visitor" AS "visitor", "session" AS "session", min("time") AS "start", max("time") AS "end", count(*) AS "hits", count(*) FILTER (WHERE "name" = 'page_view') AS "pageviews", count(*) FILTER (WHERE "name" = 'purchase') AS "orders", coalesce(sum("revenue"), CAST('0' AS BIGINT)) AS "revenue_micros", count(*) = CAST('1' AS BIGINT) AS "bounce", max("ms") - min("ms") AS "duration_ms", arg_min("name", "place") AS "name", arg_min("path", "place") AS "page", arg_min("source", "place") AS "source", arg_min("country", "place") AS "country", arg_min("device", "place") AS "device", arg_min("browser", "place") AS "browser", arg_min("campaign", "place") AS "campaign", arg_max("path", "place") AS "exit_page", arg_min("_part", "place") AS "_part", arg_min("_off", "place") AS "_off", arg_min("_idx", "place") AS "_idx", arg_min("_src", "place") AS "_src"
  FROM "sliced" AS "sliced"
  GROUP BY "merchant", "visitor", "session", "anchor", "slice"
)
SELECT "visits"."merchant" AS "merchant", "visits"."start" AS "start", "visits"."end" AS "end", "visits"."visitor" AS "visitor", CASE WHEN "visits"."session" <> '' THEN "visits"."session" END AS "session", "visits"."hits" AS "hits", "visits"."pageviews" AS "pageviews", "visits"."orders" AS "orders", "visits"."revenue_micros" AS "revenue_micros", "visits"."bounce" AS "bounce", "visits"."duration_ms" AS "duration_ms", CASE WHEN "visits"."name" <> '' THEN "visits"."name" END AS "name", CASE WHEN "visits"."page" <> '' THEN "visits"."page" END AS "page", CASE WHEN "visits"."exit_page" <> '' THEN "visits"."exit_page" END AS "exit_page", CASE WHEN "visits"."source" <> '' THEN "visits"."source" END AS "source", CASE WHEN "visits"."country" <> '' THEN "visits"."country" END AS "country", CASE WHEN "visits"."device" <> '' THEN "visits"."device" END AS "device", CASE WHEN "visits"."browser" <> '' THEN "visits"."browser" END AS "browser", CASE WHEN "visits"."campaign" <> '' THEN "visits"."campaign" END AS "campaign", "visits"."_src" AS "_src", "visits"."_part" AS "_part", "visits"."_off" AS "_off", "visits"."_idx" AS "_idx", CAST('1' AS BIGINT) AS "_gen"
FROM "visits" AS "visits"
JOIN (
  SELECT * FROM (VALUES ('o''brien', TIMESTAMPTZ '2026-03-29 00:00:00.000+00', TIMESTAMPTZ '2026-03-30 00:00:00.000+00'), ('ship', TIMESTAMPTZ '2026-03-29 00:00:00.000+00', TIMESTAMPTZ '2026-03-30 00:00:00.000+00')) AS "rows"("merchant", "unit_start", "unit_end")
) AS "units"
ON "visits"."merchant" = "units"."merchant"
WHERE ("visits"."start" >= "units"."unit_start") AND ("visits"."start" < "units"."unit_end")