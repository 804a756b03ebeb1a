SELECT CAST("both"."bucket" AS varchar) AS "bucket", CAST(json_format(CAST(ARRAY["both"."of0"] AS json)) AS varchar) AS "values", CAST(coalesce(sum(CAST("both"."sessions" AS decimal(38,0))), BIGINT '0') AS varchar) AS "sessions", CAST(coalesce(sum(CAST("both"."bounces" AS decimal(38,0))), BIGINT '0') AS varchar) AS "bounces", CAST(coalesce(sum(CAST("both"."duration" AS decimal(38,0))), BIGINT '0') AS varchar) AS "duration", CAST(coalesce(sum(CAST("both"."pageviews" AS decimal(38,0))), BIGINT '0') AS varchar) AS "pageviews"
FROM (
  WITH "line_hits" AS (
    SELECT coalesce("rows"."visitor", '') AS "visitor", coalesce("rows"."session", '') AS "session", coalesce("rows"."bot", FALSE) AS "bot", "rows"."time" AS "time", "rows"."_part" AS "_part", "rows"."_off" AS "_off", "rows"."_idx" AS "_idx", "rows"."_src" AS "_src", coalesce("rows"."path", '') AS "of0", coalesce("rows"."campaign", '') AS "of1", CASE WHEN "rows"."name" = 'page_view' THEN BIGINT '1' ELSE BIGINT '0' END AS "is_pageview"
    FROM hits(merchant _gen time bot name session visitor _part _off _idx _src path campaign received user) AS "rows"
    WHERE (("rows"."merchant" = 'o''brien') AND ("rows"."_gen" = BIGINT '1') AND ("rows"."time" >= TIMESTAMP '2026-03-27 00:00:00.000 UTC') AND ("rows"."time" < TIMESTAMP '2026-03-31 00:00:00.000 UTC')) AND ((("rows"."time" >= TIMESTAMP '2026-03-27 00:00:00.000 UTC') AND ("rows"."time" < TIMESTAMP '2026-03-31 00:00:00.000 UTC'))) AND coalesce(date_diff('millisecond', TIMESTAMP '1970-01-01 00:00:00.000 UTC', "rows"."received") > element_at(element_at(CAST(JSON '{"o\u0027brien":{"v":1774742400000},"of no unit":{"v":1774742400000}}' AS map(varchar, map(varchar, bigint))), "rows"."merchant"), "rows"."visitor"), TRUE) AND (NOT coalesce("rows"."bot", FALSE))
  ),
  "timed" AS (
    SELECT "visitor" AS "visitor", "session" AS "session", "bot" AS "bot", "time" AS "time", "_part" AS "_part", "_off" AS "_off", "_idx" AS "_idx", "_src" AS "_src", "of0" AS "of0", "of1" AS "of1", "is_pageview" AS "is_pageview", date_diff('millisecond', TIMESTAMP '1970-01-01 00:00:00.000 UTC', "time") AS "ms"
    FROM "line_hits" AS "line_hits"
  ),
  "placed" AS (
    SELECT "visitor" AS "visitor", "session" AS "session", "bot" AS "bot", "time" AS "time", "ms" AS "ms", "of0" AS "of0", "of1" AS "of1", "is_pageview" AS "is_pageview", (("ms") - (("ms") % 86400000 + 86400000) % 86400000) / 86400000 AS "day", row_number() OVER (PARTITION BY "visitor", "session", "bot" ORDER BY "ms", "_part", "_off", "_idx", "_src") AS "place", lag("ms") OVER (PARTITION BY "visitor", "session", "bot" ORDER BY "ms", "_part", "_off", "_idx", "_src") AS "before"
    FROM "timed" AS "timed"
  ),
  "paused" AS (
    SELECT "visitor" AS "visitor", "session" AS "session", "bot" AS "bot", "time" AS "time", "ms" AS "ms", "of0" AS "of0", "of1" AS "of1", "is_pageview" AS "is_pageview", "day" AS "day", "place" AS "place", CASE WHEN ("before" IS NULL) OR (("session" = '') AND (("ms" - "before") >= BIGINT '1800000')) OR (("session" <> '') AND (("ms" - "before") >= BIGINT '86400000')) THEN BIGINT '1' ELSE BIGINT '0' END AS "pause"
    FROM "placed" AS "placed"
  ),
  "dayed" AS (
    SELECT "visitor" AS "visitor", "session" AS "session", "bot" AS "bot", "time" AS "time", "ms" AS "ms", "of0" AS "of0", "of1" AS "of1", "is_pageview" AS "is_pageview", "day" AS "day", "place" AS "place", "pause" AS "pause", max("pause") OVER (PARTITION BY "visitor", "session", "bot", "day") AS "day_pauses"
    FROM "paused" AS "paused"
  ),
  "followed" AS (
    SELECT "visitor" AS "visitor", "session" AS "session", "bot" AS "bot", "time" AS "time", "ms" AS "ms", "of0" AS "of0", "of1" AS "of1", "is_pageview" AS "is_pageview", "day" AS "day", "place" AS "place", "pause" AS "pause", lag("day") OVER (PARTITION BY "visitor", "session", "bot" ORDER BY "place") AS "day_before", lag("day_pauses") OVER (PARTITION BY "visitor", "session", "bot" ORDER BY "place") AS "pauses_before"
    FROM "dayed" AS "dayed"
  ),
  "broken" AS (
    SELECT "visitor" AS "visitor", "session" AS "session", "bot" AS "bot", "time" AS "time", "ms" AS "ms", "of0" AS "of0", "of1" AS "of1", "is_pageview" AS "is_pageview", "place" AS "place", CASE WHEN "pause" = BIGINT '1' THEN "ms" WHEN ("day_before" < "day") AND ("pauses_before" = BIGINT '0') THEN "ms" END AS "break"
    FROM "followed" AS "followed"
  ),
  "anchored" AS (
    SELECT "visitor" AS "visitor", "session" AS "session", "bot" AS "bot", "time" AS "time", "ms" AS "ms", "of0" AS "of0", "of1" AS "of1", "is_pageview" AS "is_pageview", "place" AS "place", max("break") OVER (PARTITION BY "visitor", "session", "bot" ORDER BY "place" ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS "anchor"
    FROM "broken" AS "broken"
  ),
  "sliced" AS (
    SELECT "visitor" AS "visitor", "session" AS "session", "bot" AS "bot", "time" AS "time", "ms" AS "ms", "of0" AS "of0", "of1" AS "of1", "is_pageview" AS "is_pageview", "place" AS "place", "anchor" AS "anchor", (("ms" - "anchor") - (("ms" - "anchor") % 86400000 + 86400000) % 86400000) / 86400000 AS "slice"
    FROM "anchored" AS "anchored"
  ),
  "visits" AS (
    SELECT "visitor" AS "visitor", "session" AS "session", "bot" AS "bot", min("time") AS "start", min_by("of0", "place") AS "of0", min_by("of1", "place") AS "of1", CASE WHEN count(*) = BIGINT '1' THEN BIGINT '1' ELSE BIGINT '0' END AS "bounces", max("ms") - min("ms") AS "duration", sum(CAST("is_pageview" AS decimal(38,0))) AS "pageviews"
    FROM "sliced" AS "sliced"
    GROUP BY "visitor", "session", "bot", "anchor", "slice"
  )
  SELECT "pieces"."bucket" AS "bucket", "visits"."of0" AS "of0", "visits"."of1" AS "of1", BIGINT '1' AS "sessions", "visits"."bounces" AS "bounces", "visits"."duration" AS "duration", "visits"."pageviews" AS "pageviews"
  FROM "visits" AS "visits"
  CROSS JOIN LATERAL (SELECT "range", element_at(CAST(JSON '[null,0]' AS array(bigint)), "range" + 1) AS "bucket" FROM (SELECT width_bucket(CAST(date_diff('millisecond', TIMESTAMP '1970-01-01 00:00:00.000 UTC', "visits"."start") AS double), CAST(JSON '[1774742400000]' AS array(double))) AS "range")) AS "pieces"
  WHERE date_diff('millisecond', TIMESTAMP '1970-01-01 00:00:00.000 UTC', "visits"."start") < element_at(CAST(JSON '[-9007199254740991,1774828800000]' AS array(bigint)), "pieces"."range" + 1)
) AS "both"
WHERE NOT ("both"."of1" IN ('', 'it''s'))
GROUP BY "both"."bucket", "both"."of0"
LIMIT 101