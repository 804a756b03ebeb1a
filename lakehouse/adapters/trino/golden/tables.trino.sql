CREATE TABLE "lake"."hitlake_tables"."hits" (
  "merchant" varchar COMMENT 'whose shop; from the key',
  "id" varchar COMMENT 'given by the client or minted; counts once in 24 h of receipt',
  "name" varchar COMMENT U&'what happened: page_view, purchase, \+002026',
  "time" timestamp(6) with time zone COMMENT 'event time, skew removed, never after received',
  "received" timestamp(6) with time zone COMMENT 'ingest time',
  "visitor" varchar COMMENT 'as given, or the cookieless id',
  "session" varchar COMMENT 'as given',
  "user" varchar COMMENT 'as given',
  "url" varchar COMMENT 'as given',
  "referrer" varchar COMMENT 'as given',
  "title" varchar COMMENT 'as given',
  "revenue_micros" bigint COMMENT 'millionths of revenue_currency',
  "revenue_currency" varchar COMMENT 'ISO 4217',
  "items" array(row("id" varchar, "name" varchar, "quantity" double, "price_micros" bigint)) COMMENT 'what was in the cart or order',
  "props" varchar COMMENT 'custom properties, a JSON object',
  "user_agent" varchar COMMENT 'context.userAgent as given',
  "language" varchar COMMENT 'context.language as given, else of the request',
  "screen" varchar COMMENT 'as given',
  "client_time_zone" varchar COMMENT 'as given',
  "campaign_source" varchar COMMENT 'context.campaign as given',
  "campaign_medium" varchar COMMENT 'as given',
  "campaign_name" varchar COMMENT 'as given',
  "campaign_term" varchar COMMENT 'as given',
  "campaign_content" varchar COMMENT 'as given',
  "address_prefix" varchar COMMENT '/24 or /48 of the client',
  "request_user_agent" varchar COMMENT 'of the request that brought the hit',
  "key_kind" varchar COMMENT 'browser or server',
  "zone" varchar COMMENT 'the merchant''s time zone when received',
  "currency" varchar COMMENT 'the merchant''s currency when received',
  "path" varchar COMMENT 'derived: normalised path of url',
  "source" varchar COMMENT 'derived: campaign source, else of a click id, else the name or host of the referrer, else (direct)',
  "country" varchar COMMENT 'derived: ISO 3166-1 alpha-2',
  "device" varchar COMMENT 'derived: desktop, mobile, tablet, tv, other',
  "bot" boolean COMMENT 'derived: the user agent is a known bot; counts in no metric',
  "visitor_hash" bigint COMMENT 'derived: 63-bit hash of visitor under the merchant''s seed',
  "revenue_home_micros" bigint COMMENT 'derived: revenue where its currency is the merchant''s',
  "plan" varchar COMMENT 'hash of the plan that made the derived columns',
  "data_sets" varchar COMMENT 'versions of the data sets it used',
  "_src" varchar COMMENT 'feed incarnation',
  "_part" integer COMMENT 'feed partition',
  "_off" bigint COMMENT 'record in the partition',
  "_idx" integer COMMENT 'hit in the record',
  "_publish" bigint COMMENT 'publication that brought the row',
  "_row" bigint COMMENT 'number of the row in its publication',
  "_gen" integer COMMENT 'generation',
  "client_hints" varchar COMMENT 'the request''s Sec-CH-UA headers as sent, a JSON object',
  "browser" varchar COMMENT 'derived: by client hints, else by the user agent; null where neither says',
  "os" varchar COMMENT 'derived: by client hints, else by the user agent; null where neither says',
  "medium" varchar COMMENT 'derived: campaign medium, else organic, social, email, referral or (none)',
  "campaign" varchar COMMENT 'derived: campaign name, trimmed',
  "load_bucket" integer COMMENT 'derived: histogram bucket of props.load_ms (core/sketch/quantiles.ts)'
)
COMMENT 'One row a hit: what was accepted, unchanged, and what the pipeline derived of it. The truth all else is made from.'
WITH (
  format = 'PARQUET',
  format_version = 2,
  object_store_layout_enabled = false,
  partitioning = ARRAY['"_gen"', 'day("time")'],
  sorted_by = ARRAY['"merchant" ASC NULLS FIRST', '"time" ASC NULLS FIRST', '"_part" ASC NULLS FIRST', '"_off" ASC NULLS FIRST', '"_idx" ASC NULLS FIRST']
);

CREATE TABLE "lake"."hitlake_tables"."failed_hits" (
  "merchant" varchar COMMENT 'whose shop',
  "id" varchar COMMENT 'of the hit; null where it could not be decoded',
  "name" varchar COMMENT 'of the hit',
  "time" timestamp(6) with time zone COMMENT 'event time',
  "received" timestamp(6) with time zone COMMENT 'ingest time',
  "step" varchar COMMENT 'the step that refused it',
  "reason" varchar COMMENT 'stable code of the refusal',
  "original" varchar COMMENT 'the accepted hit and its batch facts as JSON, or the undecodable record in base64',
  "plan" varchar COMMENT 'hash of the plan',
  "_src" varchar COMMENT 'feed incarnation',
  "_part" integer COMMENT 'feed partition',
  "_off" bigint COMMENT 'record in the partition',
  "_idx" integer COMMENT 'hit in the record',
  "_publish" bigint COMMENT 'publication that brought the row',
  "_row" bigint COMMENT 'number of the row in its publication',
  "_gen" integer COMMENT 'generation',
  "visitor" varchar COMMENT 'of the hit; null in rows from before the column, whose original says it',
  "user" varchar COMMENT 'of the hit, as visitor'
)
COMMENT 'One row a hit that was accepted and then refused by a step: why, and the whole original. Enters every rerun.'
WITH (
  format = 'PARQUET',
  format_version = 2,
  object_store_layout_enabled = false,
  partitioning = ARRAY['day("received")'],
  sorted_by = ARRAY['"merchant" ASC NULLS FIRST', '"received" ASC NULLS FIRST', '"_part" ASC NULLS FIRST', '"_off" ASC NULLS FIRST', '"_idx" ASC NULLS FIRST']
);

CREATE TABLE "lake"."hitlake_tables"."hourly" (
  "merchant" varchar COMMENT 'whose shop',
  "bucket" timestamp(6) with time zone COMMENT 'start of the hour in the merchant''s zone',
  "breakdown" varchar COMMENT 'total, or the dimension',
  "value" varchar COMMENT 'value of the dimension; empty for total',
  "hits" bigint COMMENT 'sum',
  "pageviews" bigint COMMENT 'sum',
  "visitors" array(bigint) COMMENT 'KMV sketch: the k smallest distinct visitor hashes, rising',
  "orders" bigint COMMENT 'sum',
  "revenue_micros" decimal(38,0) COMMENT 'sum of revenue_home_micros',
  "load" array(row("bucket" integer, "n" bigint)) COMMENT 'histogram of load_bucket',
  "other_revenue" array(row("currency" varchar, "micros" decimal(38,0))) COMMENT 'sums of revenue in currencies other than the merchant''s',
  "other" boolean COMMENT 'true: all values of a truncated breakdown that were not kept',
  "_src" varchar COMMENT 'feed incarnation',
  "_part" integer COMMENT 'feed partition',
  "_off_from" bigint COMMENT 'first record it covers',
  "_off_to" bigint COMMENT 'last record it covers',
  "_publish" bigint COMMENT 'publication that brought the row',
  "_row" bigint COMMENT 'number of the row in its publication',
  "_gen" integer COMMENT 'generation'
)
COMMENT 'Partial sums per merchant, local hour, breakdown and value. Any number of partials is right: readers always merge.'
WITH (
  format = 'PARQUET',
  format_version = 2,
  object_store_layout_enabled = false,
  partitioning = ARRAY['"_gen"', 'day("bucket")'],
  sorted_by = ARRAY['"merchant" ASC NULLS FIRST', '"breakdown" ASC NULLS FIRST', '"value" ASC NULLS FIRST', '"bucket" ASC NULLS FIRST', '"_src" ASC NULLS FIRST', '"_part" ASC NULLS FIRST']
);

CREATE TABLE "lake"."hitlake_tables"."daily" (
  "merchant" varchar COMMENT 'whose shop',
  "bucket" timestamp(6) with time zone COMMENT 'start of the day in the merchant''s zone',
  "bucket_end" timestamp(6) with time zone COMMENT 'its end',
  "breakdown" varchar COMMENT 'total, or the dimension',
  "value" varchar COMMENT 'value of the dimension; empty for total, and where a hit has none',
  "hits" bigint COMMENT 'sum',
  "pageviews" bigint COMMENT 'sum',
  "visitors" array(bigint) COMMENT 'KMV sketch: the k smallest distinct visitor hashes, rising',
  "orders" bigint COMMENT 'sum',
  "revenue_micros" decimal(38,0) COMMENT 'sum of revenue_home_micros',
  "load" array(row("bucket" integer, "n" bigint)) COMMENT 'histogram of load_bucket',
  "other_revenue" array(row("currency" varchar, "micros" decimal(38,0))) COMMENT 'sums of revenue in currencies other than the merchant''s',
  "other" boolean COMMENT 'true: all values of a truncated breakdown that were not kept',
  "_src" varchar COMMENT 'feed incarnation',
  "_part" integer COMMENT 'feed partition',
  "_off_from" bigint COMMENT 'first record it covers',
  "_off_to" bigint COMMENT 'last record it covers',
  "_publish" bigint COMMENT 'derivation that brought the row',
  "_row" bigint COMMENT 'number of the row in its derivation',
  "_gen" integer COMMENT 'generation'
)
COMMENT 'The numbers of hourly by local day, for long ranges. Of a merchant and day the rows of the newest `_publish` hold; older ones are superseded.'
WITH (
  format = 'PARQUET',
  format_version = 2,
  object_store_layout_enabled = false,
  partitioning = ARRAY['"_gen"', 'month("bucket")'],
  sorted_by = ARRAY['"merchant" ASC NULLS FIRST', '"breakdown" ASC NULLS FIRST', '"value" ASC NULLS FIRST', '"other" ASC NULLS FIRST', '"bucket" ASC NULLS FIRST']
);

CREATE TABLE "lake"."hitlake_tables"."sessions" (
  "merchant" varchar COMMENT 'whose shop',
  "start" timestamp(6) with time zone COMMENT 'event time of the first hit',
  "end" timestamp(6) with time zone COMMENT 'event time of the last hit',
  "visitor" varchar COMMENT 'as of the hits',
  "session" varchar COMMENT 'as given',
  "hits" bigint COMMENT 'how many',
  "pageviews" bigint COMMENT 'hits named page_view',
  "orders" bigint COMMENT 'hits named purchase',
  "revenue_micros" decimal(38,0) COMMENT 'sum of revenue_home_micros',
  "bounce" boolean COMMENT 'one hit only',
  "duration_ms" bigint COMMENT U&'end \+002212 start',
  "name" varchar COMMENT 'of the first hit',
  "page" varchar COMMENT 'entry page: path of the first hit',
  "exit_page" varchar COMMENT 'path of the last hit',
  "source" varchar COMMENT 'of the first hit',
  "country" varchar COMMENT 'of the first hit',
  "device" varchar COMMENT 'of the first hit',
  "browser" varchar COMMENT 'of the first hit',
  "campaign" varchar COMMENT 'of the first hit',
  "_src" varchar COMMENT 'feed incarnation of the first hit',
  "_part" integer COMMENT 'feed partition of the first hit',
  "_off" bigint COMMENT 'record of the first hit',
  "_idx" integer COMMENT 'first hit in its record',
  "_publish" bigint COMMENT 'derivation that brought the row',
  "_row" bigint COMMENT 'number of the row in its derivation',
  "_gen" integer COMMENT 'generation'
)
COMMENT 'One row a visit (core/visits.ts). Of a merchant and UTC day of start the rows of the newest `_publish` hold; older ones are superseded.'
WITH (
  format = 'PARQUET',
  format_version = 2,
  object_store_layout_enabled = false,
  partitioning = ARRAY['"_gen"', 'day("start")'],
  sorted_by = ARRAY['"merchant" ASC NULLS FIRST', '"start" ASC NULLS FIRST', '"_part" ASC NULLS FIRST', '"_off" ASC NULLS FIRST', '"_idx" ASC NULLS FIRST']
);
