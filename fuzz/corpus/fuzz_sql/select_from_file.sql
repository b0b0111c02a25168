select * from 'file'
