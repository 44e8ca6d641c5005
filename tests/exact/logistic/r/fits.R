# Rscript fits.R FOLDER: fit the tables of FOLDER/tables.tsv by glm. A line of it has the name, R's expression for the
# table ("" if it is FOLDER/NAME.table) and the formula. FOLDER/NAME.csv gets the numbers that were fitted, to the last bit,
# FOLDER/NAME.txt the summary as R prints it, FOLDER/NAME.long.txt that of more iterations.
folder <- commandArgs(TRUE)
tables <- read.delim(file.path(folder, "tables.tsv"), header = FALSE, quote = "", colClasses = "character")
for (i in seq_len(nrow(tables))) {
  row <- unlist(tables[i, ])
  file <- function(suffix) file.path(folder, paste0(row[1], suffix))
  d <- if (row[2] == "") read.csv(file(".table")) else eval(str2expression(row[2]))
  d <- d[complete.cases(d), ]
  if ("Freq" %in% names(d)) d <- d[rep(seq_len(nrow(d)), d$Freq), ]
  X <- model.matrix(as.formula(row[3]), d)
  y <- as.double(model.response(model.frame(as.formula(row[3]), d)))
  how <- if ("(Intercept)" %in% colnames(X)) y ~ . else y ~ . - 1
  X <- X[, colnames(X) != "(Intercept)", drop = FALSE]
  colnames(X) <- paste0("x", seq_len(ncol(X)))
  rows <- data.frame(y, X)
  bits <- lapply(rows, function(each) sprintf("%a", as.double(each)))
  write.csv(as.data.frame(bits), file(".csv"), row.names = FALSE, quote = FALSE)
  writeLines(capture.output(print(summary(glm(how, binomial, rows)))), file(".txt"))
  longer <- glm(how, binomial, rows, control = list(epsilon = 1e-14, maxit = 100))
  writeLines(capture.output(print(summary(longer))), file(".long.txt"))
}
