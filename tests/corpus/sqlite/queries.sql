select count(*), sum(kind), round(sum(price), 3), max(length(name)) from item;

create index item_kind on item(kind, price);
create table kind as select kind, count(*) as n, avg(price) as mean from item group by kind;
select kind, n, round(mean, 4) from kind order by mean desc limit 5;

select a.kind, count(*) from item a join item b on b.kind = a.kind and b.price > a.price + 1500
 group by a.kind order by 2 desc, 1 limit 5;

select kind, id, rank from (
  select kind, id, row_number() over (partition by kind order by price desc, id) as rank from item
) where rank <= 2 and kind % 25 = 0;

with recursive collatz(n, start, steps) as (
  select value, value, 0 from (with recursive c(value) as (select 1 union all select value + 1 from c where value < 700) select value from c)
  union all
  select case n % 2 when 0 then n / 2 else 3 * n + 1 end, start, steps + 1 from collatz where n > 1
)
select start, max(steps) from collatz group by start order by 2 desc limit 3;

select count(*) from item where name like '%ea%to%';
select count(*), min(rowid), max(rowid) from note where note match 'w* AND t* NOT ne*';

select json_group_array(json_object('kind', kind, 'n', n)) from (select kind, n from kind order by kind limit 4);
select sum(json_extract(json_object('p', price), '$.p')) from item where id < 20000;

update item set price = price * 2 where kind in (select kind from kind where n % 2 = 0);
delete from item where id % 3 = 0;
select count(*), round(sum(price), 3), hex(substr(group_concat(name), 1, 20)) from (select * from item order by name, id);
pragma integrity_check;
