# Rscript fits.R FOLDER: fit the tables of FOLDER/tables.tsv. A line of it has the name, R's expression for the table (""
# if it is FOLDER/NAME.table), the formula, and expressions for weights, for counts and for clusters. FOLDER/NAME.csv gets
# the numbers that were fitted, to the last bit, FOLDER/NAME.tsv what R makes of them, to seven digits.
suppressMessages({library(sandwich); library(lmtest)})
folder <- commandArgs(TRUE)
tables <- read.delim(file.path(folder, "tables.tsv"), header = FALSE, quote = "", colClasses = "character")

tell <- function(fit, meaning, kind, V = NULL, df = fit$df.residual) {
  s <- summary(fit)
  table <- coef(s)
  if (!is.null(V)) {
    table[] <- coeftest(fit, vcov. = V, df = df)
    b <- coef(fit)[setdiff(rownames(table), "(Intercept)")]
    q <- length(b)
    wald <- function() drop(b %*% solve(V[names(b), names(b)], b)) / q
    s$fstatistic <- if (q <= df) c(wald(), q, df) # else V is singular
  }
  F <- s$fstatistic
  of_fit <- c(residual_std = s$sigma, r2 = s$r.squared, adjusted_r2 = s$adj.r.squared, df_residual = s$df[2],
              if (!is.null(F)) c(f = F[[1]], df_model = F[[2]], df_test = F[[3]],
                                 f_p_value = pf(F[[1]], F[[2]], F[[3]], lower.tail = FALSE)))
  rownames(table) <- sub("(Intercept)", "(intercept)", rownames(table), fixed = TRUE)
  names <- c(outer(rownames(table), c("estimate", "std_error", "t", "p_value"), paste, sep = "\t"), names(of_fit))
  paste(meaning, kind, names, sprintf("%.6e", c(table, of_fit)), sep = "\t")
}

tell_all <- function(fit, groups, meaning) {
  g <- length(unique(groups))
  c(tell(fit, meaning, "usual"),
    unlist(lapply(c("HC0", "HC1", "HC2", "HC3"), function(kind) tell(fit, meaning, kind, vcovHC(fit, kind)))),
    tell(fit, meaning, "CR0", vcovCL(fit, groups, type = "HC0", cadjust = FALSE), g - 1),
    tell(fit, meaning, "CR1", vcovCL(fit, groups, type = "HC1"), g - 1))
}

for (i in seq_len(nrow(tables))) {
  row <- unlist(tables[i, ])
  file <- function(suffix) file.path(folder, paste0(row[1], suffix))
  d <- if (row[2] == "") read.csv(file(".table")) else eval(str2expression(row[2]))
  d <- d[complete.cases(d), ]
  column <- function(j) eval(str2expression(row[j]), d)
  X <- model.matrix(as.formula(row[3]), d)
  y <- as.double(model.response(model.frame(as.formula(row[3]), d)))
  how <- if ("(Intercept)" %in% colnames(X)) y ~ . else y ~ . - 1
  X <- X[, colnames(X) != "(Intercept)", drop = FALSE]
  colnames(X) <- paste0("x", seq_len(ncol(X)))
  rows <- data.frame(y, X)
  weight <- column(4)
  count <- column(5)
  group <- as.integer(factor(column(6)))
  bits <- lapply(cbind(rows, weight, count, group), function(each) sprintf("%a", as.double(each)))
  write.csv(as.data.frame(bits), file(".csv"), row.names = FALSE, quote = FALSE)
  copies <- rep(seq_along(y), count)
  writeLines(c(tell_all(lm(how, rows), group, "none"),
               tell_all(lm(how, rows, weights = weight), group, "precision"),
               tell_all(lm(how, rows[copies, ]), group[copies], "frequency")), file(".tsv"))
}
