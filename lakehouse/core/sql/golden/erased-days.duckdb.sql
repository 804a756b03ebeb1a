SELECT DISTINCT ((epoch_ms("stored"."time")) - ((epoch_ms("stored"."time")) % 86400000 + 86400000) % 86400000) // 86400000 AS "day"
FROM hits(merchant time received visitor user) AS "stored"
WHERE ("stored"."merchant" = 'o''brien') AND (NOT (coalesce(epoch_ms("stored"."received") > CASE "stored"."merchant" WHEN 'o''brien' THEN CASE "stored"."visitor" WHEN 'v' THEN 1774742400000 END END, TRUE)))