-- Privacy: users taken out of stored versions.

CREATE FUNCTION longtail.forget(model text, user_id anycompatible, OUT versions integer, OUT interactions bigint,
    OUT in_source boolean, OUT retraining_needed boolean, OUT reason text)
AS 'MODULE_PATHNAME', 'longtail_forget' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION longtail.forget(text, anycompatible) IS
'Takes a user out of every stored version of a model: id, features, past items, what was learned for this user alone, and the counts they added to. versions and interactions: how many had the user, and how many stored items of the user they had together; in_source: whether what the next training reads still has the user (NULL where the caller may not read it); retraining_needed: whether weights that remain were learned from this user''s interactions too, or counts could not be made again exactly, as reason says. Waits for trainings of the model that are under way.';
