// SPDX-License-Identifier: Apache-2.0

// What Swift can't reach in libxml2, each with its reason.

#ifndef COMPUTE_WORKER_CLIBXML2_SHIM_H
#define COMPUTE_WORKER_CLIBXML2_SHIM_H

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <libxml/SAX2.h>
#include <libxml/parser.h>
#include <libxml/relaxng.h>
#include <libxml/tree.h>
#include <libxml/xmlerror.h>
#include <libxml/xmlschemastypes.h>
#include <libxml/xmlversion.h>
#include <libxml/xmlwriter.h>

// xmlFree is a mutable global function pointer, which Swift 6 does not let code of several threads read.
static inline void cxml_free(void *memory) { xmlFree(memory); }

// The parameter of a structured error handler became const in 2.12: a Swift function could have only one of both forms.
#if LIBXML_VERSION >= 21200
typedef const xmlError *cxml_error;
#else
typedef xmlErrorPtr cxml_error;
#endif

// The first errors of one parse or validation, as text.
struct cxml_errors {
    int count;
    int line;
    char text[1024];
};

static void cxml_collect(void *data, cxml_error error) {
    struct cxml_errors *errors = (struct cxml_errors *)data;
    if (errors == NULL || error == NULL) return;
    errors->count++;
    if (errors->count == 1) errors->line = error->line;
    size_t used = strlen(errors->text);
    if (errors->count <= 3 && used + 1 < sizeof errors->text) {
        snprintf(errors->text + used, sizeof errors->text - used, "%s%s", used > 0 ? "; " : "",
                 error->message != NULL ? error->message : "");
        used = strlen(errors->text);
        while (used > 0 && errors->text[used - 1] == '\n') errors->text[--used] = 0;
    }
}

static void cxml_refuse_doctype(void *context, const xmlChar *name, const xmlChar *external, const xmlChar *system) {
    (void)name, (void)external, (void)system;
    xmlParserCtxtPtr parser = (xmlParserCtxtPtr)context;
    parser->_private = parser; // the mark that cxml_had_doctype reads
    xmlStopParser(parser);
}

// Ends the parse at a document type declaration, before an entity of it is read.
static inline void cxml_forbid_doctype(xmlParserCtxtPtr parser) {
    parser->_private = NULL;
    parser->sax->internalSubset = cxml_refuse_doctype;
}

static inline int cxml_had_doctype(xmlParserCtxtPtr parser) { return parser->_private != NULL; }

// xmlCtxtGetLastError's result is const or not by version, too.
static inline void cxml_last_error(xmlParserCtxtPtr parser, struct cxml_errors *errors) {
    cxml_collect(errors, (cxml_error)xmlCtxtGetLastError(parser));
}

static inline void cxml_collect_schema_errors(xmlRelaxNGParserCtxtPtr parser, struct cxml_errors *errors) {
    xmlRelaxNGSetParserStructuredErrors(parser, (xmlStructuredErrorFunc)cxml_collect, errors);
}

static inline void cxml_collect_validity_errors(xmlRelaxNGValidCtxtPtr validator, struct cxml_errors *errors) {
    xmlRelaxNGSetValidStructuredErrors(validator, (xmlStructuredErrorFunc)cxml_collect, errors);
}

// A C array is a tuple in Swift.
static inline const char *cxml_text(const struct cxml_errors *errors) { return errors->text; }

#endif
