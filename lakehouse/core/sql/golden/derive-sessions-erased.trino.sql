WITH "line_hits" AS (
  SELECT "rows"."merchant" AS "merchant", "rows"."time" AS "time", coalesce("rows"."visitor", '') AS "visitor", coalesce("rows"."session", '') AS "session", coalesce("rows"."name", '') AS "name", coalesce("rows"."path", '') AS "path", coalesce("rows"."source", '') AS "source", coalesce("rows"."country", '') AS "country", coalesce("rows"."device", '') AS "device", coalesce("rows"."browser", '') AS "browser", coalesce("rows"."campaign", '') AS "campaign", "rows"."revenue_home_micros" AS "revenue", "rows"."_part" AS "_part", "rows"."_off" AS "_off", "rows"."_idx" AS "_idx", "rows"."_src" AS "_src"
  FROM hits(merchant _gen time bot revenue_home_micros visitor session name path source country device browser campaign _part _off _idx _src received user) AS "rows"
  JOIN (
    SELECT * FROM (VALUES ('o''brien'), ('ship')) AS "rows"("merchant")
  ) AS "merchants"
  ON "rows"."merchant" = "merchants"."merchant"
  WHERE (("rows"."merchant" >= 'o''brien') AND ("rows"."merchant" <= 'ship') AND ("rows"."_gen" = BIGINT '1') AND ("rows"."time" >= TIMESTAMP '2026-03-27 00:00:00.000 UTC') AND ("rows"."time" < TIMESTAMP '2026-03-31 00:00:00.000 UTC')) AND ((("rows"."time" >= TIMESTAMP '2026-03-27 00:00:00.000 UTC') AND ("rows"."time" < TIMESTAMP '2026-03-31 00:00:00.000 UTC'))) AND coalesce(date_diff('millisecond', TIMESTAMP '1970-01-01 00:00:00.000 UTC', "rows"."received") > element_at(element_at(CAST(JSON '{"o\u0027brien":{"v":1774742400000}}' AS map(varchar, map(varchar, bigint))), "rows"."merchant"), "rows"."visitor"), TRUE) AND (NOT coalesce("rows"."bot", FALSE))
),
"timed" AS (
  SELECT "merchant" AS "merchant", "visitor" AS "visitor", "session" AS "session", "time" AS "time", "_part" AS "_part", "_off" AS "_off", "_idx" AS "_idx", "_src" AS "_src", "name" AS "name", "path" AS "path", "source" AS "source", "country" AS "country", "device" AS "device", "browser" AS "browser", "campaign" AS "campaign", "revenue" AS "revenue", date_diff('millisecond', TIMESTAMP '1970-01-01 00:00:00.000 UTC', "time") AS "ms"
  FROM "line_hits" AS "line_hits"
),
"placed" AS (
  SELECT "merchant" AS "merchant", "visitor" AS "visitor", "session" AS "session", "time" AS "time", "ms" AS "ms", "name" AS "name", "path" AS "path", "source" AS "source", "country" AS "country", "device" AS "device", "browser" AS "browser", "campaign" AS "campaign", "revenue" AS "revenue", "_part" AS "_part", "_off" AS "_off", "_idx" AS "_idx", "_src" AS "_src", (("ms") - (("ms") % 86400000 + 86400000) % 86400000) / 86400000 AS "day", row_number() OVER (PARTITION BY "merchant", "visitor", "session" ORDER BY "ms", "_part", "_off", "_idx", "_src") AS "place", lag("ms") OVER (PARTITION BY "merchant", "visitor", "session" ORDER BY "ms", "_part", "_off", "_idx", "_src") AS "before"
  FROM "timed" AS "timed"
),
"paused" AS (
  SELECT "merchant" AS "merchant", "visitor" AS "visitor", "session" AS "session", "time" AS "time", "ms" AS "ms", "name" AS "name", "path" AS "path", "source" AS "source", "country" AS "country", "device" AS "device", "browser" AS "browser", "campaign" AS "campaign", "revenue" AS "revenue", "_part" AS "_part", "_off" AS "_off", "_idx" AS "_idx", "_src" AS "_src", "day" AS "day", "place" AS "place", CASE WHEN ("before" IS NULL) OR (("session" = '') AND (("ms" - "before") >= BIGINT '1800000')) OR (("session" <> '') AND (("ms" - "before") >= BIGINT '86400000')) THEN BIGINT '1' ELSE BIGINT '0' END AS "pause"
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
  SELECT "merchant" AS "merchant", "visitor" AS "visitor", "session" AS "session", "time" AS "time", "ms" AS "ms", "name" AS "name", "path" AS "path", "source" AS "source", "country" AS "country", "device" AS "device", "browser" AS "browser", "campaign" AS "campaign", "revenue" AS "revenue", "_part" AS "_part", "_off" AS "_off", "_idx" AS "_idx", "_src" AS "_src", "place" AS "place", CASE WHEN "pause" = BIGINT '1' THEN "ms" WHEN ("day_before" < "day") AND ("pauses_before" = BIGINT '0') THEN "ms" END AS "break"
  FROM "followed" AS "followed"
),
"anchored" AS (
  SELECT "merchant" AS "merchant", "visitor" AS "visitor", "session" AS "session", "time" AS "time", "ms" AS "ms", "name" AS "name", "path" AS "path", "source" AS "source", "country" AS "country", "device" AS "device", "browser" AS "browser", "campaign" AS "campaign", "revenue" AS "revenue", "_part" AS "_part", "_off" AS "_off", "_idx" AS "_idx", "_src" AS "_src", "place" AS "place", max("break") OVER (PARTITION BY "merchant", "visitor", "session" ORDER BY "place" ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS "anchor"
  FROM "broken" AS "broken"
),
"sliced" AS (
  SELECT "merchant" AS "merchant", "visitor" AS "visitor", "session" AS "session", "time" AS "time", "ms" AS "ms", "name" AS "name", "path" AS "path", "source" AS "source", "country" AS "country", "device" AS "device", "browser" AS "browser", "campaign" AS "campaign", "revenue" AS "revenue", "_part" AS "_part", "_off" AS "_off", "_idx" AS "_idx", "_src" AS "_src", "place" AS "place", "anchor" AS "anchor", (("ms" - "anchor") - (("ms" - "anchor") % 86400000 + 86400000) % 86400000) / 86400000 AS "slice"
  FROM "anchored" AS "anchored"
),
"visits" AS (
  SELECT "merchant" AS "merchant", "visitor" AS "visitor", "session" AS "session", min("time") AS "start", max("time") AS "end", count(*) AS "hits", count(*) FILTER (WHERE "name" = 'page_view') AS "pageviews", count(*) FILTER (WHERE "name" = 'purchase') AS "orders", coalesce(sum(CAST("revenue" AS decimal(38,0))), BIGINT '0') AS "revenue_micros", count(*) = BIGINT '1' AS "bounce", max("ms") - min("ms") AS "duration_ms", min_by("name", "place") AS "name", min_by("path", "place") AS "page", min_by("source", "place") AS "source", min_by("country", "place") AS "country", min_by("device", "place") AS "device", min_by("browser", "place") AS "browser", min_by("campaign", "place") AS "campaign", max_by("path", "place") AS "exit_page", min_by("_part", "place") AS "_part", min_by("_off", "place") AS "_off", min_by("_idx", "place") AS "_idx", min_by("_src", "place") AS "_src"
  FROM "sliced" AS "sliced"
  GROUP BY "merchant", "visitor", "session", "anchor", "slice"
)
SELECT "visits"."merchant" AS "merchant", "visits"."start" AS "start", "visits"."end" AS "end", "visits"."visitor" AS "visitor", CASE WHEN "visits"."session" <> '' THEN "visits"."session" END AS "session", "visits"."hits" AS "hits", "visits"."pageviews" AS "pageviews", "visits"."orders" AS "orders", "visits"."revenue_micros" AS "revenue_micros", "visits"."bounce" AS "bounce", "visits"."duration_ms" AS "duration_ms", CASE WHEN "visits"."name" <> '' THEN "visits"."name" END AS "name", CASE WHEN "visits"."page" <> '' THEN "visits"."page" END AS "page", CASE WHEN "visits"."exit_page" <> '' THEN "visits"."exit_page" END AS "exit_page", CASE WHEN "visits"."source" <> '' THEN "visits"."source" END AS "source", CASE WHEN "visits"."country" <> '' THEN "visits"."country" END AS "country", CASE WHEN "visits"."device" <> '' THEN "visits"."device" END AS "device", CASE WHEN "visits"."browser" <> '' THEN "visits"."browser" END AS "browser", CASE WHEN "visits"."campaign" <> '' THEN "visits"."campaign" END AS "campaign", "visits"."_src" AS "_src", "visits"."_part" AS "_part", "visits"."_off" AS "_off", "visits"."_idx" AS "_idx", BIGINT '1' AS "_gen"
FROM "visits" AS "visits"
JOIN (
  SELECT * FROM (VALUES ('o''brien', TIMESTAMP '2026-03-29 00:00:00.000 UTC', TIMESTAMP '2026-03-30 00:00:00.000 UTC'), ('ship', TIMESTAMP '2026-03-29 00:00:00.000 UTC', TIMESTAMP '2026-03-30 00:00:00.000 UTC')) AS "rows"("merchant", "unit_start", "unit_end")
) AS "units"
ON "visits"."merchant" = "units"."merchant"
WHERE ("visits"."start" >= "units"."unit_start") AND ("visits"."start" < "units"."unit_end")