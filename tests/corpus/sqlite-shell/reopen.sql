-- Another process: what the first one wrote, changed, exported and read again.
.bail on
select count(*), sum(kind), round(sum(price), 3) from item;
select count(*) from note where note match 'item AND 9*';
explain query plan select * from item where kind = 7 and price > 100;

-- Sorts that do not fit into the cache go through temporary files.
pragma temp_store = file;
pragma cache_size = 20;
select sum(length(a.name)), count(*) from (select * from item order by name desc limit 50000) a
  join item b on b.id = a.id + 1;

.mode csv
.headers on
.output kind.csv
select kind, count(*) as n, round(avg(price), 6) as mean from item group by kind order by kind;
.output
.import kind.csv imported
.mode list
.headers off
select count(*), sum(imported.n) from imported;

savepoint outer;
delete from item where id % 3 = 0;
savepoint inner;
delete from item;
rollback to inner;
release outer;
insert into note(note) values('optimize');
select count(*), changes() from item;

vacuum into 'copy.db';
attach 'copy.db' as copy;
select count(*) from copy.item join main.item using (id, kind, price, name);
detach copy;
vacuum;
pragma integrity_check;
