SELECT CAST(BIGINT '1' AS varchar) AS "hit"
FROM hits(merchant _gen time) AS "rows"
WHERE ("rows"."merchant" = 'o''brien') AND ("rows"."_gen" = BIGINT '3') AND ("rows"."time" >= TIMESTAMP '2026-03-29 00:00:00.000 UTC') AND ("rows"."time" < TIMESTAMP '2026-03-29 03:00:00.000 UTC');

SELECT CAST(BIGINT '1' AS varchar) AS "hit"
FROM hits(merchant _gen time) AS "rows"
WHERE (("rows"."merchant" = 'o''brien') AND ("rows"."_gen" = BIGINT '3') AND ("rows"."time" >= TIMESTAMP '2026-03-27 00:00:00.000 UTC') AND ("rows"."time" < TIMESTAMP '2026-04-20 00:00:00.000 UTC')) AND ((("rows"."time" >= TIMESTAMP '2026-03-27 00:00:00.000 UTC') AND ("rows"."time" < TIMESTAMP '2026-03-31 00:00:00.000 UTC')) OR (("rows"."time" >= TIMESTAMP '2026-04-16 00:00:00.000 UTC') AND ("rows"."time" < TIMESTAMP '2026-04-20 00:00:00.000 UTC')));
