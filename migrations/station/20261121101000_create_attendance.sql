-- Tickets that entered by a list and whether each is inside now: counted at every look at the door's screen. Follows
-- from `scan`.
CREATE TABLE attendance (
    list_id INTEGER NOT NULL,
    ticket BLOB NOT NULL,
    inside INTEGER NOT NULL,
    PRIMARY KEY (list_id, ticket)
) STRICT, WITHOUT ROWID;
CREATE INDEX attendance_inside ON attendance (list_id) WHERE inside = 1;

INSERT INTO attendance (list_id, ticket, inside)
SELECT list_id, ticket, inside FROM (
    SELECT list_id, coalesce(position_id, payload_hash) AS ticket, direction = 'entry' AS inside,
        max(direction = 'entry') OVER (PARTITION BY list_id, coalesce(position_id, payload_hash)) AS entered,
        row_number() OVER (PARTITION BY list_id, coalesce(position_id, payload_hash) ORDER BY at DESC, scan_id DESC) AS back
    FROM scan
    WHERE class IN ('admitted', 'look') AND undone = 0 AND coalesce(position_id, payload_hash) IS NOT NULL)
WHERE back = 1 AND entered = 1;
