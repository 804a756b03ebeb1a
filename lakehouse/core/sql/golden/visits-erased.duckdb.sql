SELECT "both"."bucket" AS "bucket", CAST(to_json(["both"."of0"]) AS VARCHAR) AS "values", coalesce(sum("both"."sessions"), CAST('0' AS BIGINT)) AS "sessions", coalesce(sum("both"."bounces"), CAST('0' AS BIGINT)) AS "bounces", coalesce(sum("both"."duration"), CAST('0' AS BIGINT)) AS "duration", coalesce(sum("both"."pageviews"), CAST('0' AS BIGINT)) AS "pageviews"
FROM (
  WITH "line_hits" AS (
    SELECT coalesce("rows"."visitor", '') AS "visitor", coalesce("rows"."session", '') AS "session", coalesce("rows"."bot", FALSE) AS "bot", "rows"."time" AS "time", "rows"."_part" AS "_part", "rows"."_off" AS "_off", "rows"."_idx" AS "_idx", "rows"."_src" AS "_src", coalesce("rows"."path", '') AS "of0", coalesce("rows"."campaign", '') AS "of1", CASE WHEN "rows"."name" = 'page_view' THEN CAST('1' AS BIGINT) ELSE CAST('0' AS BIGINT) END AS "is_pageview"
    FROM hits(merchant _gen time bot name session visitor _part _off _idx _src path campaign received user) AS "rows"
    WHERE (("rows"."merchant" = 'o''brien') AND ("rows"."_gen" = CAST('1' AS BIGINT)) AND ("rows"."time" >= TIMESTAMPTZ '2026-03-27 00:00:00.000+00') AND ("rows"."time" < TIMESTAMPTZ '2026-03-31 00:00:00.000+00')) AND ((("rows"."time" >= TIMESTAMPTZ '2026-03-27 00:00:00.000+00') AND ("rows"."time" < TIMESTAMPTZ '2026-03-31 00:00:00.000+00'))) AND coalesce(epoch_ms("rows"."received") > CASE WHEN "rows"."merchant" IN ('o''brien', 'of no unit') THEN CASE "rows"."merchant" WHEN 'o''brien' THEN CASE "rows"."visitor" WHEN 'v' THEN 1774742400000 END WHEN 'of no unit' THEN CASE "rows"."visitor" WHEN 'v' THEN 1774742400000 END END END, TRUE) AND (NOT coalesce("rows"."bot", FALSE))
  ),
  "timed" AS (
    SELECT "visitor" AS "visitor", "session" AS "session", "bot" AS "bot", "time" AS "time", "_part" AS "_part", "_off" AS "_off", "_idx" AS "_idx", "_src" AS "_src", "of0" AS "of0", "of1" AS "of1", "is_pageview" AS "is_pageview", epoch_ms("time") AS "ms"
    FROM "line_hits" AS "line_hits"
  ),
  "placed" AS (
    SELECT "visitor" AS "visitor", "session" AS "session", "bot" AS "bot", "time" AS "time", "ms" AS "ms", "of0" AS "of0", "of1" AS "of1", "is_pageview" AS "is_pageview", (("ms") - (("ms") % 86400000 + 86400000) % 86400000) // 86400000 AS "day", row_number() OVER (PARTITION BY "visitor", "session", "bot" ORDER BY "ms", "_part", "_off", "_idx", "_src") AS "place", lag("ms") OVER (PARTITION BY "visitor", "session", "bot" ORDER BY "ms", "_part", "_off", "_idx", "_src") AS "before"
    FROM "timed" AS "timed"
  ),
  "paused" AS (
    SELECT "visitor" AS "visitor", "session" AS "session", "bot" AS "bot", "time" AS "time", "ms" AS "ms", "of0" AS "of0", "of1" AS "of1", "is_pageview" AS "is_pageview", "day" AS "day", "place" AS "place", CASE WHEN ("before" IS NULL) OR (("session" = '') AND (("ms" - "before") >= CAST('1800000' AS BIGINT))) OR (("session" <> '') AND (("ms" - "before") >= CAST('86400000' AS BIGINT))) THEN CAST('1' AS BIGINT) ELSE CAST('0' AS BIGINT) END AS "pause"
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
    SELECT "visitor" AS "visitor", "session" AS "session", "bot" AS "bot", "time" AS "time", "ms" AS "ms", "of0" AS "of0", "of1" AS "of1", "is_pageview" AS "is_pageview", "place" AS "place", CASE WHEN "pause" = CAST('1' AS BIGINT) THEN "ms" WHEN ("day_before" < "day") AND ("pauses_before" = CAST('0' AS BIGINT)) THEN "ms" END AS "break"
    FROM "followed" AS "followed"
  ),
  "anchored" AS (
    SELECT "visitor" AS "visitor", "session" AS "session", "bot" AS "bot", "time" AS "time", "ms" AS "ms", "of0" AS "of0", "of1" AS "of1", "is_pageview" AS "is_pageview", "place" AS "place", max("break") OVER (PARTITION BY "visitor", "session", "bot" ORDER BY "place" ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS "anchor"
    FROM "broken" AS "broken"
  ),
  "sliced" AS (
    SELECT "visitor" AS "visitor", "session" AS "session", "bot" AS "bot", "time" AS "time", "ms" AS "ms", "of0" AS "of0", "of1" AS "of1", "is_pageview" AS "is_pageview", "place" AS "place", "anchor" AS "anchor", (("ms" - "anchor") - (("ms" - "anchor") % 86400000 + 86400000) % 86400000) // 86400000 AS "slice"
    FROM "anchored" AS "anchored"
  ),
  "visits" AS (
    SELECT "visitor" AS "visitor", "session" AS "session", "bot" AS "bot", min("time") AS "start", arg_min("of0", "place") AS "of0", arg_min("of1", "place") AS "of1", CASE WHEN count(*) = CAST('1' AS BIGINT) THEN CAST('1' AS BIGINT) ELSE CAST('0' AS BIGINT) END AS "bounces", max("ms") - min("ms") AS "duration", sum("is_pageview") AS "pageviews"
    FROM "sliced" AS "sliced"
    GROUP BY "visitor", "session", "bot", "anchor", "slice"
  )
  SELECT "pieces"."bucket" AS "bucket", "visits"."of0" AS "of0", "visits"."of1" AS "of1", CAST('1' AS BIGINT) AS "sessions", "visits"."bounces" AS "bounces", "visits"."duration" AS "duration", "visits"."pageviews" AS "pageviews"
  FROM "visits" AS "visits"
  ASOF JOIN (SELECT make_timestamptz("start_ms" * 1000) AS "start", make_timestamptz("end_ms" * 1000) AS "end", "bucket" FROM (SELECT unnest(CAST('[1774742400000]' AS BIGINT[])) AS "start_ms", unnest(CAST('[1774828800000]' AS BIGINT[])) AS "end_ms", unnest(CAST('[0]' AS BIGINT[])) AS "bucket")) AS "pieces"
  ON "visits"."start" >= "pieces"."start"
  WHERE "visits"."start" < "pieces"."end"
) AS "both"
WHERE NOT ("both"."of1" IN ('', 'it''s'))
GROUP BY "both"."bucket", "both"."of0"
LIMIT 101