-- Groups that have jobs that wait, from here on, at most so many; and how many run of each that has some.
return {
  call('ZRANGEBYLEX', P .. 'groups', ARGV[2], '+', 'LIMIT', 0, ARGV[3]),
  call('HGETALL', P .. 'running'),
}
