-- Privacy: users taken out of stored versions; what private training promises.

CREATE FUNCTION longtail.forget(model text, user_id anycompatible, OUT versions integer, OUT interactions bigint,
    OUT in_source boolean, OUT retraining_needed boolean, OUT reason text)
AS 'MODULE_PATHNAME', 'longtail_forget' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION longtail.forget(text, anycompatible) IS
'Takes a user out of every stored version of a model: id, features, past items, what was learned for this user alone, and the counts they added to. versions and interactions: how many had the user, and how many stored items of the user they had together; in_source: whether what the next training reads still has the user (NULL where the caller may not read it); retraining_needed: whether weights that remain were learned from this user''s interactions too, or counts could not be made again exactly, as reason says. Waits for trainings of the model that are under way.';

CREATE FUNCTION longtail.privacy_guarantee(model text, version integer DEFAULT NULL)
RETURNS TABLE (epsilon float8, delta float8, noise_multiplier float8, clip float8, sampling_rate float8, steps bigint,
    unit text, outside text[])
AS 'MODULE_PATHNAME', 'longtail_privacy_guarantee' LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 1;
COMMENT ON FUNCTION longtail.privacy_guarantee(text, integer) IS
'What differentially private training (option dp_epsilon) of a version promises, the active one''s where none is named: epsilon and delta for one row (unit) more or less, how that came about, and what of the model is outside the promise. No row for a version trained without.';
