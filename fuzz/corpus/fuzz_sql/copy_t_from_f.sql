copy t from 'f.csv' (format csv, header)
